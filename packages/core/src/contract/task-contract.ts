/** The contract of a task: examples of two texts, and a score that says yes or no. */
import type { Example, Split, TaskInstance } from "../example.ts"
import { brief, kindOf } from "./brief.ts"
import { guarded, PluginFault } from "./fault.ts"
import { didYouMean } from "./nearest.ts"

const fields = ["examples", "notes", "score", "sharesPrompts"]

const exampleProblem = (example: unknown): string | undefined => {
  if (typeof example !== "object" || example === null) return `is ${kindOf(example)}; expected { prompt, answer }`
  for (const key of ["prompt", "answer"] as const) {
    const text = (example as Record<string, unknown>)[key]
    if (typeof text === "string") continue
    const kind =
      text === undefined
        ? `has no ${key} (it has ${Object.keys(example).slice(0, 8).join(", ").slice(0, 100) || "nothing"})`
        : `has the ${key} ${brief(text, 40)}, ${kindOf(text)}`
    return `${kind}; expected a text`
  }
  return undefined
}

/**
 * The functions of a task with their answers checked and their exceptions named.
 *
 * @param plugin kind and name
 * @param place where the task is defined
 * @error PluginFault (thrown) where these are no functions of a task; each function throws one for another answer
 */
export const checkedTask = (
  plugin: string,
  place: string | undefined,
  task: Omit<TaskInstance, "name">,
): Omit<TaskInstance, "name"> => {
  const fault = (rule: string, detail: string) => new PluginFault(plugin, rule, detail, place)
  const value: unknown = task
  const kind = kindOf(value)
  if (typeof value !== "object" || value === null || typeof (value as { examples?: unknown }).examples !== "function")
    throw fault(
      "definition",
      `make gave ${kind}${kind === "an object" ? " without a function `examples`" : ""}; expected { examples, score? }`,
    )
  const odd = Object.keys(value).find((key) => !fields.includes(key))
  if (odd !== undefined)
    throw fault(
      "definition",
      `make gave a field ${odd.slice(0, 64)}${didYouMean(odd, fields) || `; there are ${fields.join(", ")}`}`,
    )
  const { examples, notes, score, sharesPrompts } = task
  if (notes !== undefined && !(Array.isArray(notes) && notes.every((note) => typeof note === "string")))
    throw fault("definition", `its notes are ${kindOf(notes)}; expected a list of texts`)
  if (sharesPrompts !== undefined && typeof sharesPrompts !== "boolean")
    throw fault("definition", `its sharesPrompts is ${kindOf(sharesPrompts)}; expected true or false`)
  if (score !== undefined && typeof score !== "function")
    throw fault("definition", `its score is ${kindOf(score)}; expected a function of an example and a text`)
  const seen = new WeakSet<object>()
  return {
    examples: (split: Split): ReadonlyArray<Example> => {
      const all: unknown = guarded(plugin, `examples("${split}")`, () => examples(split))
      if (!Array.isArray(all)) {
        const what = kindOf(all)
        const how = what === "a Promise" ? "; read files in make, with the service Datasets" : ""
        throw fault("examples", `examples("${split}") returned ${what}; expected a list of { prompt, answer }${how}`)
      }
      if (seen.has(all)) return all
      for (const [i, example] of all.entries()) {
        const problem = exampleProblem(example)
        if (problem !== undefined) throw fault("examples", `examples("${split}")[${i}] ${problem}`)
      }
      seen.add(all)
      return all
    },
    ...(notes && { notes }),
    ...(sharesPrompts && { sharesPrompts }),
    ...(score && {
      score: (example: Example, generated: string): boolean => {
        const right: unknown = guarded(plugin, "score", () => score(example, generated))
        if (typeof right !== "boolean")
          throw fault(
            "score",
            `score returned ${kindOf(right)}; expected true or false${kindOf(right) === "a Promise" ? ", from a plain function, not an async one" : ""}`,
          )
        return right
      },
    }),
  }
}
