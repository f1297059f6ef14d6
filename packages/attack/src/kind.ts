/** A kind of damage: its trials, and the judgement of their outcomes. */
import type { Rng } from "@winnow/numerics"

/**
 * The outcome of one trial:
 *
 * - refused: an error of ours with a readable message
 * - same: the result of the undamaged input
 * - faithful: another result, which an independent reading of the damaged input confirms
 * - read: a result of which only the form is checked
 * - wrong: a crash, a hang, a bug or another result
 */
export type Outcome = "refused" | "same" | "faithful" | "read" | "wrong"

export interface Tried {
  readonly outcome: Outcome
  /** The damage, so that a failure can be understood. */
  readonly damage: string
  /** The message of a refusal, or the fault. */
  readonly detail: string
}

/** One trial of a kind that is set up. Trial i of a seed always makes the same damage. */
export type Attempt = (
  rng: Rng,
  i: number,
  /** Reports the damage before the trial, for a trial that never returns. */
  tell: (damage: string) => void,
) => Promise<Tried>

export interface Kind {
  readonly name: string
  /** The damaged object, as the table names it. */
  readonly of: string
  /** Trials of a whole attack: the largest counts that are promised. */
  readonly whole: number
  /** Seconds after which a trial counts as hung. */
  readonly seconds: number
  /** Prepares a folder of its own, once a process. */
  readonly setUp: (folder: string) => Promise<Attempt>
}
