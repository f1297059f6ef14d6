/** A kind of damage: its trials, and the judgement of their outcomes. */
import type { Rng } from "@winnow/numerics"

/**
 * The outcome of one trial.
 *
 * - refused: an error of ours with a readable message
 * - same: the result of what was not damaged
 * - faithful: another result, and one that an independent reading of the damaged input gives as well
 * - read: a result that nothing checks but its form
 * - wrong: a crash, a hang, a bug, another result
 */
export type Outcome = "refused" | "same" | "faithful" | "read" | "wrong"

export interface Tried {
  readonly outcome: Outcome
  /** The damage, so that a failure can be understood. */
  readonly damage: string
  /** The message of a refusal, or what is wrong. */
  readonly detail: string
}

/** A trial of a kind that is set up: number i of a seed is always the same damage. */
export type Attempt = (
  rng: Rng,
  i: number,
  /** Told what is damaged before it is tried, for a trial that does not come back. */
  tell: (damage: string) => void,
) => Promise<Tried>

export interface Kind {
  readonly name: string
  /** The object that it damages, for the table. */
  readonly of: string
  /** Trials of a whole attack, the largest counts that are promised. */
  readonly whole: number
  /** Seconds after which a trial counts as hung. */
  readonly seconds: number
  /** Makes ready in a folder of its own, once a process. */
  readonly setUp: (folder: string) => Promise<Attempt>
}
