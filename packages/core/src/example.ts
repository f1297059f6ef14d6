/** Examples of a task, and the task as the lab reads it. */

/** Text before the loss begins, and the text that is trained; the end-of-sequence token is added by the encoder. */
export interface Example {
  readonly prompt: string
  readonly answer: string
  /** True of an answer that was corrupted on purpose: records tell how many of its tokens a filter keeps. */
  readonly corrupted?: boolean
}

/** A part of a data set. */
export type Split = "train" | "validation" | "test"

/** A task whose files are there. */
export interface TaskInstance {
  readonly name: string
  /** Deterministic: the same options give the same examples in the same order; splits share no prompt. */
  readonly examples: (split: Split) => ReadonlyArray<Example>
  /** Facts of the data that a user should know, such as records that were left out: told before a run. */
  readonly notes?: ReadonlyArray<string>
  /** True if splits share prompts on purpose, to measure what was trained on: noted, where it is refused otherwise. */
  readonly sharesPrompts?: boolean
  /** True if the generated text solves the example. */
  readonly score?: (example: Example, generated: string) => boolean
}
