/**
 * The text that a training reads: the task's, a model's continuations of the task's training prompts, or both by
 * weight.
 *
 * As JSON it is an object with a `kind`; `--set` also accepts a short text, such as "written:target".
 */
import { type TaskUse, taskUse, temperature } from "@winnow/core"
import { type } from "arktype"
import { natural, seed } from "./numbers.ts"
import type { ShortForms } from "./short-forms.ts"

const ofTask = type({
  "+": "reject",
  kind: "'task'",
  // Another task than the experiment's, in the experiment's tokens.
  "task?": taskUse,
})

const ofWriting = type({
  "+": "reject",
  kind: "'written'",
  // The target, or the model that the training begins with.
  by: "'target' | 'start'",
  // Temperature of the text; 0 is greedy.
  temperature: type("0").or(temperature).default(0),
  "topK?": natural,
  "topP?": "0 < number <= 1",
  // Seed of the draws of sampled text.
  seed: seed.default(0),
  // Most tokens of a text, the end included; if left out, the length of a training sequence.
  "maxNew?": "number.integer >= 2",
  // Number of prompts, from the start of the training split; all if left out.
  "prompts?": natural,
  // The task of the prompts, if it is not the experiment's.
  "task?": taskUse,
  // The texts to read: if left out, those that end.
  "keep?": "'ended' | 'all'",
}).narrow(({ temperature, topK, topP, seed }, ctx) => {
  if (temperature > 0) return true
  const [path] = Object.entries({ topK, topP, seed: seed === 0 ? undefined : seed }).flatMap(([name, value]) =>
    value === undefined ? [] : [name],
  )
  return (
    path === undefined ||
    ctx.reject({
      path: [...ctx.path, path],
      expected: "left out of greedy text, or beside a temperature",
      actual: "set",
    })
  )
})

const part = type({ "+": "reject", weight: "number > 0", text: ofTask.or(ofWriting) })

const ofMixture = type({
  "+": "reject",
  kind: "'mixture'",
  // By name, so that `--set` and a sweep reach each.
  parts: type({ "[string]": part }),
  // Seed of the choice of examples that come once more than others.
  seed: seed.default(0),
}).narrow(
  ({ parts }, ctx) =>
    Object.keys(parts).length >= 2 ||
    ctx.reject({
      path: [...ctx.path, "parts"],
      expected: "two parts or more",
      actual: String(Object.keys(parts).length),
    }),
)

export type TaskText = typeof ofTask.infer
export type WrittenText = typeof ofWriting.infer
export type MixedText = typeof ofMixture.infer

/** A text with checked values and all defaults. */
export type ResolvedText = TaskText | WrittenText | MixedText

/** The text of a training. */
export const textSpec = ofTask.or(ofWriting).or(ofMixture)

/** The short texts of `--set`. */
export const shortTexts: ShortForms = {
  task: { form: "task", read: () => ({ kind: "task" }) },
  "written:target": { form: "written:target", read: () => ({ kind: "written", by: "target" }) },
  "written:start": { form: "written:start", read: () => ({ kind: "written", by: "start" }) },
}

/** A text in the form of an experiment's author. */
export type TextSpec =
  | { readonly kind: "task"; readonly task?: TaskUse }
  | ({ readonly kind: "written" } & Writing)
  | {
      readonly kind: "mixture"
      readonly parts: Readonly<Record<string, { readonly weight: number; readonly text: PartText }>>
      readonly seed?: number
    }
type PartText = Exclude<TextSpec, { readonly kind: "mixture" }>

interface Writing {
  /** The target, or the model that the training begins with. */
  readonly by: "target" | "start"
  /** 0, greedy, if left out. */
  readonly temperature?: number
  readonly topK?: number
  readonly topP?: number
  readonly seed?: number
  /** Most tokens of a text, the end included; if left out, the length of a training sequence. */
  readonly maxNew?: number
  /** Number of prompts, from the start of the training split; all if left out. */
  readonly prompts?: number
  /** The task of the prompts, if it is not the experiment's. */
  readonly task?: TaskUse
  /** "all" also reads texts that are empty, or have no end within `maxNew`, for trials; "ended" if left out. */
  readonly keep?: "ended" | "all"
}

/** The training text of a task, in the experiment's tokens; of the experiment's own if none is named. */
export const taskText = (task?: TaskUse): PartText => ({ kind: "task", ...(task && { task }) })
/** Texts that a model writes after the training prompts, each up to its end; greedy without a temperature. */
export const written = (spec: Writing): PartText => ({ kind: "written", ...spec })
/**
 * Several texts, each with its share of the examples of a pass.
 *
 * @param parts by a name of your own; weights above 0 in any unit
 */
export const mixture = (
  parts: Readonly<Record<string, { readonly weight: number; readonly text: PartText }>>,
  options: { readonly seed?: number } = {},
): TextSpec => ({ kind: "mixture", parts, ...options })

/** The written texts of a text: itself, or those among its parts. */
export const writtenIn = (text: ResolvedText | undefined): ReadonlyArray<WrittenText> => {
  const parts = text?.kind === "mixture" ? Object.values(text.parts).map((part) => part.text) : [text]
  return parts.flatMap((part) => (part?.kind === "written" ? [part] : []))
}

/** The models that write a text, or a part of it. */
export const writersOf = (text: ResolvedText | undefined): ReadonlySet<WrittenText["by"]> =>
  new Set(writtenIn(text).map(({ by }) => by))

const sampled = ({ temperature, topK, topP, seed }: WrittenText): string =>
  temperature === 0
    ? "greedy"
    : [`temperature ${temperature}`, topK && `top ${topK}`, topP && `top-p ${topP}`, seed && `seed ${seed}`]
        .filter(Boolean)
        .join(", ")

/** A text in a few words, for labels, tables and messages. */
export const describeText = (text: ResolvedText): string => {
  switch (text.kind) {
    case "task":
      return text.task === undefined ? "the task's text" : `text of ${text.task.name}`
    case "written": {
      const cutTo = text.prompts === undefined ? "" : `, ${text.prompts} prompts`
      return `text by the ${text.by}, ${sampled(text)}${cutTo}${text.task === undefined ? "" : `, of ${text.task.name}`}`
    }
    case "mixture":
      return Object.entries(text.parts)
        .map(([name, { weight }]) => `${weight} ${name}`)
        .join(" to ")
  }
}
