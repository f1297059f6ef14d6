/** The record of which tokens filters keep: on which tokens, and when. */
import { type } from "arktype"
import { type TextSpec, taskTextSpec } from "./text.ts"

export const stabilitySpec = type({
  "+": "reject",
  // Trained tokens of the probe, at least: whole texts from the split's beginning.
  tokens: "number.integer >= 1 = 1024",
  // The split that the tokens are of. The validation split trains nothing.
  split: "'train' | 'validation' | 'test' = 'validation'",
  // Parts of an arm's steps after which its choices are recorded: 0 is before the first, 1 after the last.
  at: type("0 <= number <= 1")
    .array()
    .atLeastLength(1)
    .narrow(
      (at, ctx) =>
        at.every((part, i) => i === 0 || part > at[i - 1]!) ||
        ctx.reject({ expected: "parts of the steps in ascending order", actual: JSON.stringify(at) }),
    )
    .default(() => [0, 0.25, 0.5, 0.75, 1]),
  // The task of the tokens: the experiment's own if left out. `tokens` says how many, not the text.
  "text?": taskTextSpec.omit("first"),
})

/** The settings with checked values and all defaults. */
export type Stability = typeof stabilitySpec.infer

/** The settings in the form of an experiment's author. */
export interface StabilitySpec {
  readonly tokens?: number
  readonly split?: "train" | "validation" | "test"
  readonly at?: ReadonlyArray<number>
  readonly text?: Omit<Extract<TextSpec, { readonly kind: "task" }>, "first">
}

/** The steps of an arm at which its choices are recorded, each once. */
export const stepsOf = ({ at }: Pick<Stability, "at">, steps: number): ReadonlyArray<number> => [
  ...new Set(at.map((part) => Math.round(part * steps))),
]
