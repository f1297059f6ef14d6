/** The errors that cross package borders: each states the found value, the expected one and a remedy. */
import { Data } from "effect"

/** Options, a config or a file that the schema rejects. */
export class InvalidInput extends Data.TaggedError("InvalidInput")<{
  readonly what: string
  readonly problems: ReadonlyArray<string>
}> {
  override get message() {
    return `${this.what}: ${this.problems.join("; ")}`
  }
}

/**
 * A data set, model or artifact that is missing or damaged. `cause` is the underlying error, so that a refusal of the
 * disk can be told from damage.
 */
export class DataError extends Data.TaggedError("DataError")<{ readonly message: string; readonly cause?: unknown }> {}

/** Training had to stop: the loss was not finite, or a check of the run failed. */
export class TrainingStopped extends Data.TaggedError("TrainingStopped")<{
  readonly message: string
  readonly step: number
}> {}

/** A process that trains a stage with others ended, or did not answer: the stage resumes from its checkpoint. */
export class PeerLost extends Data.TaggedError("PeerLost")<{
  readonly message: string
  /** The step that was not finished. */
  readonly step: number
}> {}
