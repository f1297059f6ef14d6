/** `--search`: a search from the command line, in the place of the experiment's own. */
import { InvalidInput, nearest } from "@winnow/core"
import { Effect } from "effect"
import type { Experiment } from "./define.ts"
import type { Range } from "./domain.ts"
import type { MethodInput, SearchBudget } from "./sweep.ts"

/** A number of a text; undefined for a text that is none. */
const numberIn = (text: string): number | undefined =>
  text.trim() === "" || !Number.isFinite(Number(text)) ? undefined : Number(text)

/** A value of a list: JSON, else the text itself. */
const valueIn = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const kinds: Readonly<Record<string, Partial<Range>>> = {
  log: { scale: "log" },
  int: { whole: true },
  "int-log": { whole: true, scale: "log" },
}

/** A domain of a short text: "0.1..1", "log:0.001..0.1", "int:4..64", "int-log:4..64", "0.2,0.4" or a JSON list. */
const domainIn = (text: string): Range | ReadonlyArray<unknown> | undefined => {
  const found = /^(?:([a-z-]+):)?([^:]+)\.\.([^:]+)$/.exec(text)
  if (found !== null) {
    const [from, to] = [numberIn(found[2]!), numberIn(found[3]!)]
    const kind = found[1] === undefined ? {} : kinds[found[1]]
    return from === undefined || to === undefined || kind === undefined ? undefined : { from, to, ...kind }
  }
  const list = text.startsWith("[") ? valueIn(text) : text.split(",").map(valueIn)
  return Array.isArray(list) ? list : undefined
}

/** The words that stand before one number, and all that are no path of a setting. */
const numbers: ReadonlyArray<string> = ["draw", "trials", "flops", "seconds"]
const words = ["random", "halving", ...numbers]

const forms =
  "expected PATH=DOMAIN, such as optimizer.learningRate=log:0.001..0.03, filter.k=0.1..1, batchSize=int:8..64 or filter.k=0.2,0.4; " +
  "random=DRAWS, halving=DRAWS or halving=DRAWS/FACTOR; draw=SEED; trials=N, flops=N or seconds=N"

/**
 * The experiment with a search by short texts: domains by path, `random` or `halving` with a number of draws, `draw` with
 * the generator's seed, and the budget. Measure, seeds and prompts stay those of the experiment's own search; without a
 * method it is a grid.
 *
 * @error InvalidInput for a text of no such form; `resolve` later checks the search as a whole
 */
export const withSearch = (
  experiment: Experiment,
  texts: ReadonlyArray<string>,
): Effect.Effect<Experiment, InvalidInput> =>
  Effect.gen(function* () {
    if (texts.length === 0) return experiment
    const over: Record<string, Range | ReadonlyArray<unknown>> = {}
    const budget: Record<string, number> = {}
    let method: MethodInput | undefined
    let seed: number | undefined
    for (const text of texts) {
      const equals = text.indexOf("=")
      const [name, value] = [text.slice(0, Math.max(0, equals)), text.slice(equals + 1)]
      const refused = (problem: string) =>
        new InvalidInput({ what: `--search ${text.slice(0, 200)}`, problems: [problem] })
      if (equals <= 0 || value === "") return yield* refused(forms)
      const [first, factor] = value.split("/").map(numberIn)
      if (name === "random" || name === "halving") {
        if (first === undefined || (value.includes("/") && (name === "random" || factor === undefined)))
          return yield* refused(forms)
        method =
          name === "random"
            ? { kind: name, draws: first }
            : { kind: name, draws: first, ...(factor !== undefined && { factor }) }
      } else if (numbers.includes(name)) {
        const number = numberIn(value)
        if (number === undefined) return yield* refused(forms)
        if (name === "draw") seed = number
        else budget[name] = number
      } else {
        const domain = domainIn(value)
        // No domain has a single number, so a word with one was meant.
        const meant = first === undefined || name.includes(".") ? undefined : nearest(name, words)
        if (meant !== undefined) return yield* refused(`did you mean ${meant}=${value}? ${forms}`)
        if (domain === undefined) return yield* refused(forms)
        over[name] = domain
      }
    }
    const { method: _, budget: __, ...kept } = experiment.sweep ?? {}
    if (method === undefined && seed !== undefined)
      return yield* new InvalidInput({
        what: `--search draw=${seed}`,
        problems: ["nothing is drawn without random=DRAWS or halving=DRAWS"],
      })
    return {
      ...experiment,
      sweep: {
        ...kept,
        over: Object.keys(over).length > 0 ? over : { ...experiment.sweep?.over },
        ...(method && { method: { ...method, ...(seed !== undefined && { seed }) } }),
        ...(Object.keys(budget).length > 0 && { budget: budget as SearchBudget }),
      },
    } as Experiment
  })
