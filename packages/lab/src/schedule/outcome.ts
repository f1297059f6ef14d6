/** The outcome of a run's stages: artifacts and failures. */
import { DataError, faultIn } from "@winnow/core"
import { FileError } from "@winnow/files"
import { Cause, Data, Effect } from "effect"
import { inOrder, type Stage, type StageError } from "../stage.ts"
import type { Artifact } from "../store/store.ts"

/** A stage ended without an expected error: it has a bug, or its process died. */
export class StageCrashed extends Data.TaggedError("StageCrashed")<{ readonly message: string }> {}

/** The error of a stage: its own, a fault of a plugin in it, or the text of a bug; undefined if interrupted. */
export const errorOf = <E extends StageError | StageCrashed>(cause: Cause.Cause<E>): E | StageCrashed | undefined => {
  if (Cause.hasInterruptsOnly(cause)) return undefined
  const error = Cause.squash(cause)
  if (!Cause.hasDies(cause)) return error as E // Neither an interruption nor a bug: the failure is the error.
  // A plugin's code threw: its fault, like a wrong option.
  const fault = faultIn(error)
  return fault === undefined ? new StageCrashed({ message: `a bug: ${Cause.pretty(cause)}` }) : (fault as E)
}

/** True if the machine refused: every later stage would fail as well, so the run ends. */
export const isMachines = (error: Failure["error"]): error is FileError =>
  error instanceof FileError && error.code !== undefined

export interface Failure {
  readonly stage: Stage
  readonly error: StageError | StageCrashed
}

/** A stage that a run cannot do without has failed: its error, with its name where it has none. */
export const failed = ({ stage, error }: Failure): Effect.Effect<never, StageError> =>
  Effect.fail(error._tag === "StageCrashed" ? new DataError({ message: `${stage.label}: ${error.message}` }) : error)

export interface Outcome {
  /** By key: stored artifacts and new ones. */
  readonly artifacts: ReadonlyMap<string, Artifact>
  /** By key: the stages that failed themselves. A stage that depends on them is in neither map. */
  readonly failed: ReadonlyMap<string, Failure>
}

/** The reason why a stage has no artifact: the first failure among its inputs and itself; undefined without one. */
export const failureOf = (stage: Stage, { failed }: Pick<Outcome, "failed">): Failure | undefined =>
  inOrder([stage]).flatMap(({ key }) => failed.get(key) ?? [])[0]
