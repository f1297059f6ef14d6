/**
 * The text that a training reads: the task's, the same without its prompts' borders, a model's continuations of the
 * task's training prompts, or several by weight. A draft that is distilled may also write between its own steps.
 *
 * As JSON it is an object with a `kind`; `--set` also accepts a short text, such as "written:target".
 */
import { type LossUse, later, lossUse, type TaskUse, taskUse, temperature } from "@winnow/core"
import { type Traversal, type } from "arktype"
import { natural, seed } from "./numbers.ts"
import type { ShortForms } from "./short-forms.ts"

/** The text of a task. */
export const taskTextSpec = type({
  "+": "reject",
  kind: "'task'",
  // Another task than the experiment's, in the experiment's tokens.
  "task?": taskUse,
  // Number of examples, from the start of the training split; all if left out.
  "first?": natural,
})

const ofPlain = type({
  "+": "reject",
  kind: "'plain'",
  // Another task than the experiment's, in the experiment's tokens.
  "task?": taskUse,
})

const ofWriting = type({
  "+": "reject",
  kind: "'written'",
  // The target, the model that the training begins with, or the draft in training, between its steps.
  by: "'target' | 'start' | 'draft'",
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
}).narrow(({ by, temperature, topK, topP, seed, prompts, keep }, ctx) => {
  const notOwn = by === "draft" ? Object.entries({ prompts, keep }).find(([, value]) => value !== undefined) : undefined
  if (notOwn !== undefined)
    return ctx.reject({
      path: [...ctx.path, notOwn[0]],
      expected: "left out where the draft writes, which reads every text that it writes",
      actual: "set",
    })
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

const oneForms = () => taskTextSpec.or(ofPlain).or(ofWriting)
const ofOne = later(oneForms)

type Part = {
  readonly weight: number
  readonly text: { readonly kind: string; readonly by?: string; readonly task?: unknown }
  readonly loss?: unknown
}
const checkParts = (parts: Readonly<Record<string, Part>>, ctx: Traversal) => {
  const all = Object.values(parts)
  const byDraft = all.filter(({ text }) => text.by === "draft")
  if (byDraft.length > 1)
    return ctx.reject({ expected: "one part that the draft writes", actual: String(byDraft.length) })
  if (byDraft.some(({ text }) => text.task !== undefined))
    return ctx.reject({
      expected: "no task of the draft's part, which answers the other parts' prompts",
      actual: "one",
    })
  if (byDraft.length > 0 && all.some(({ loss }) => loss !== undefined))
    return ctx.reject({
      expected: "no loss of a part's own beside a part that the draft writes, which replaces examples of the others",
      actual: "one",
    })
  if (all.length < 2) return ctx.reject({ expected: "two parts or more", actual: String(all.length) })
  return all.some(({ weight }) => weight > 0) || ctx.reject({ expected: "one weight above 0", actual: "0 of all" })
}

/** A part of weight 0 is left out. */
const weight = "number >= 0"

/** Fields of a mixture beside its parts. */
const mixing = {
  "+": "reject",
  kind: "'mixture'",
  // Seed of the choice of examples that come once more than others.
  seed: seed.default(0),
} as const

const ofSet = type({
  ...mixing,
  parts: type({ "[string]": { "+": "reject", weight, text: ofOne } }).narrow(
    (parts, ctx) =>
      checkParts(parts, ctx) &&
      (Object.values(parts).every(({ text }) => text.kind !== "written" || text.by !== "draft") ||
        ctx.reject({ expected: "the draft's part in the outer mixture", actual: "in the inner one" })),
  ),
})

/** A part of a mixture. A part may be a mixture too, of parts that are none. */
export const partSpec = type({
  "+": "reject",
  weight,
  text: later(() => oneForms().or(ofSet)),
  // On the part's tokens, in the place of the loss of the arm.
  "loss?": lossUse,
})

const ofMixture = type({
  ...mixing,
  // By name, so that `--set` and a sweep reach each.
  parts: type({ "[string]": partSpec }).narrow(checkParts),
})

export type TaskText = typeof taskTextSpec.infer
export type PlainText = typeof ofPlain.infer
export type WrittenText = typeof ofWriting.infer
export type MixedText = typeof ofMixture.infer

/** A text with checked values and all defaults. */
export type ResolvedText = TaskText | PlainText | WrittenText | MixedText

/** The text of a training. */
export const textSpec = later(() => oneForms().or(ofMixture))

/** The short texts of `--set`. */
export const shortTexts: ShortForms = {
  task: { form: "task", read: () => ({ kind: "task" }) },
  plain: { form: "plain", read: () => ({ kind: "plain" }) },
  "written:target": { form: "written:target", read: () => ({ kind: "written", by: "target" }) },
  "written:start": { form: "written:start", read: () => ({ kind: "written", by: "start" }) },
  "written:draft": { form: "written:draft", read: () => ({ kind: "written", by: "draft" }) },
}

/** A text in the form of an experiment's author. */
export type TextSpec = OneText | Mixture<PartText>
/** A text that a part of a mixture may be. */
export type PartText = OneText | Mixture<OneText>
type OneText =
  | { readonly kind: "task"; readonly task?: TaskUse; readonly first?: number }
  | { readonly kind: "plain"; readonly task?: TaskUse }
  | ({ readonly kind: "written" } & Writing)
/** Parts of a mixture, by a name of the author's; their losses may read the target, which every arm has. */
type Parts<T> = Readonly<Record<string, { readonly weight: number; readonly text: T; readonly loss?: LossUse }>>
interface Mixture<T> {
  readonly kind: "mixture"
  readonly parts: Parts<T>
  readonly seed?: number
}

interface Writing {
  /**
   * The target, the model that the training begins with, or the draft in training: it writes between its steps, and its
   * part of a mixture is the share of sequences whose answers it writes anew, after the prompts of the other parts.
   */
  readonly by: "target" | "start" | "draft"
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

/**
 * The training text of a task, in the experiment's tokens; of the experiment's own if none is named.
 *
 * @param options.first number of examples, from the start of the training split; all if left out. A cache of signals then
 * covers these alone
 */
export const taskText = (
  task?: TaskUse,
  { first }: { readonly first?: number } = {},
): Extract<OneText, { readonly kind: "task" }> => ({
  kind: "task",
  ...(task && { task }),
  ...(first !== undefined && { first }),
})
/** The same as plain text: prompts and answers without a border, so that every token but the first is trained. */
export const plainText = (task?: TaskUse): OneText => ({ kind: "plain", ...(task && { task }) })
/** Texts that a model writes after the training prompts, each up to its end; greedy without a temperature. */
export const written = (spec: Writing): OneText => ({ kind: "written", ...spec })
/**
 * Several texts, each with its share of the examples of a pass.
 *
 * @param parts by a name of your own; weights from 0 in any unit, 0 leaves the part out. A part may be a mixture too, of
 * parts that are none. A part of an arm's text may have a `loss` of its own, in the place of the arm's on its tokens
 */
export const mixture = <P extends Parts<PartText>>(
  parts: P,
  options: { readonly seed?: number } = {},
): Mixture<P[keyof P]["text"]> => ({ kind: "mixture", parts, ...options })
/**
 * A set of texts that a model writes after the same prompts at several temperatures, in equal shares: a mixture of parts
 * named "t0", "t0-7", ... by their temperature. Each has draws of its own.
 *
 * @param temperatures different, two or more; 0 is greedy
 * @param spec.seed of the first; the others count on from it
 */
export const writtenAt = (
  temperatures: ReadonlyArray<number>,
  { seed = 0, ...spec }: Omit<Writing, "temperature">,
): Mixture<OneText> =>
  mixture(
    Object.fromEntries(
      temperatures.map((temperature, i) => [
        `t${String(temperature).replace(".", "-")}`,
        { weight: 1, text: written({ ...spec, temperature, ...(temperature > 0 && { seed: seed + i }) }) },
      ]),
    ),
  )

/** The written texts of a text: itself, or those among its parts. */
export const writtenIn = (text: ResolvedText | undefined): ReadonlyArray<WrittenText> => {
  if (text?.kind === "mixture") return Object.values(text.parts).flatMap((part) => writtenIn(part.text))
  return text?.kind === "written" ? [text] : []
}

/** The models that write a text, or a part of it. */
export const writersOf = (text: ResolvedText | undefined): ReadonlySet<WrittenText["by"]> =>
  new Set(writtenIn(text).map(({ by }) => by))

/** The losses that parts of a text have of their own, by the names of these parts. */
export const ownLossesOf = (text: ResolvedText | undefined): Readonly<Record<string, LossUse>> =>
  text?.kind !== "mixture"
    ? {}
    : Object.fromEntries(
        Object.entries(text.parts).flatMap(([name, part]) => {
          // An inner mixture's parts have none, by the schema.
          const { weight, loss } = part as { readonly weight: number; readonly loss?: LossUse }
          return loss === undefined || weight === 0 ? [] : [[name, loss]]
        }),
      )

/** A text without the draft's own part, and that part with its share of the sequences. */
export interface SplitText {
  /** Left out for the draft's text alone: it answers the prompts of the task. */
  readonly rest: ResolvedText | undefined
  readonly own?: { readonly writing: WrittenText; readonly share: number }
}

/** Splits the part that the draft writes between its steps from the text that stands before. */
export const splitText = (text: ResolvedText | undefined): SplitText => {
  if (text?.kind === "written" && text.by === "draft")
    return {
      rest: { kind: "task", ...(text.task && { task: text.task }) },
      own: { writing: text, share: 1 },
    }
  if (text?.kind !== "mixture") return { rest: text }
  const parts = Object.entries(text.parts)
  const at = parts.findIndex(([, { text }]) => text.kind === "written" && text.by === "draft")
  if (at < 0) return { rest: text }
  const { weight, text: writing } = parts[at]![1]
  const others = parts.filter((_, i) => i !== at)
  const all = parts.reduce((sum, [, { weight }]) => sum + weight, 0)
  const rest = others.every(([, { weight }]) => weight === 0) ? others.slice(0, 1) : others
  return {
    rest: rest.length === 1 ? rest[0]![1].text : { ...text, parts: Object.fromEntries(rest) },
    // checkParts knows the kind of the draft's part
    ...(weight > 0 && { own: { writing: writing as WrittenText, share: weight / all } }),
  }
}

const sampled = ({ temperature, topK, topP, seed }: WrittenText): string =>
  temperature === 0
    ? "greedy"
    : [`temperature ${temperature}`, topK && `top ${topK}`, topP && `top-p ${topP}`, seed && `seed ${seed}`]
        .filter(Boolean)
        .join(", ")

/** A text in a few words, for labels, tables and messages. */
export const describeText = (text: ResolvedText): string => {
  switch (text.kind) {
    case "task": {
      const of = text.task === undefined ? "the task's text" : `text of ${text.task.name}`
      return text.first === undefined ? of : `${of}, ${text.first} examples`
    }
    case "plain":
      return text.task === undefined ? "plain text" : `plain text of ${text.task.name}`
    case "written": {
      const cutTo = text.prompts === undefined ? "" : `, ${text.prompts} prompts`
      return `text by the ${text.by}, ${sampled(text)}${cutTo}${text.task === undefined ? "" : `, of ${text.task.name}`}`
    }
    case "mixture":
      return Object.entries(text.parts)
        .map(([name, { weight }]) => {
          const own = ownLossesOf(text)[name]
          return `${weight} ${name}${own === undefined ? "" : ` by ${own.name}`}`
        })
        .join(" to ")
  }
}
