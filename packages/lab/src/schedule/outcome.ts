/** The outcome of a run's stages: the artifacts there are, and the failures. */
import { faultIn } from "@winnow/core"
import { FileError } from "@winnow/files"
import { Cause, Data } from "effect"
import { inOrder, type Stage, type StageError } from "../stage.ts"
import type { Artifact } from "../store/store.ts"

/** A stage ended in a way that no code foresaw: a bug in it, or a process that died. */
export class StageCrashed extends Data.TaggedError("StageCrashed")<{ readonly message: string }> {}

/** The error of a stage: its own, a fault of a plugin in it, or the text of a bug; undefined if interrupted. */
export const errorOf = <E extends StageError | StageCrashed>(cause: Cause.Cause<E>): E | StageCrashed | undefined => {
  if (Cause.hasInterruptsOnly(cause)) return undefined
  const error = Cause.squash(cause)
  if (!Cause.hasDies(cause)) return error as E // what is neither an interruption nor a bug is the error
  // thrown by a plugin's code: a fault of it, as a wrong option is
  const fault = faultIn(error)
  return fault === undefined ? new StageCrashed({ message: `a bug: ${Cause.pretty(cause)}` }) : (fault as E)
}

/** True if the machine refused: every stage after this one would fail as well, so the run ends. */
export const isMachines = (error: Failure["error"]): error is FileError =>
  error instanceof FileError && error.code !== undefined

export interface Failure {
  readonly stage: Stage
  readonly error: StageError | StageCrashed
}

export interface Outcome {
  /** By key: what was there, and what was made. */
  readonly artifacts: ReadonlyMap<string, Artifact>
  /** By key, the stages that failed themselves. A stage that depends on them is in neither map. */
  readonly failed: ReadonlyMap<string, Failure>
}

/** Why a stage has no artifact: the first of what it is made from, or itself, that failed; undefined where none did. */
export const failureOf = (stage: Stage, { failed }: Pick<Outcome, "failed">): Failure | undefined =>
  inOrder([stage]).flatMap(({ key }) => failed.get(key) ?? [])[0]
