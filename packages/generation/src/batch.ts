/** The texts that a model writes at once. */
import type { Rng } from "@winnow/numerics"
import type { Ending, Finish } from "./rollout.ts"

/** A text that is being written. */
export interface Sequence {
  readonly prompt: Int32Array
  readonly tokens: Array<number>
  readonly ending: Ending
  readonly rng: Rng
  finish: Finish | undefined
}

/** The texts at work, which others join as some end. The caller disposes it. */
export interface Batch {
  /**
   * Takes waiting texts where there is room, and runs the model once.
   * @returns the next token of each text at work that has not ended; empty without such texts
   */
  readonly next: () => ReadonlyArray<readonly [Sequence, number]>
  readonly dispose: () => void
}
