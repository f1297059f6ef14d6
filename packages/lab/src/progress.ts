/** Events of a run in progress; the command line shows them, tests ignore them. */
import { Context, Layer } from "effect"

/** The stage of an event, and its place in the run. */
export interface At {
  readonly stage: string
  /** The stage's number, from 1, and the number of all stages. */
  readonly index: number
  readonly of: number
  /** The unit of the count, such as "steps". */
  readonly unit: string
}

export type ProgressEvent =
  /** The stages of a run and their FLOPs, reported at its beginning and again when more stages are known. */
  | {
      readonly _tag: "planned"
      readonly beginning: boolean
      readonly stages: ReadonlyArray<{ readonly stage: string; readonly flops: number }>
    }
  /** A stage begins, or goes on from a checkpoint. */
  | ({ readonly _tag: "started"; readonly resuming: boolean } & At)
  | ({ readonly _tag: "progress"; readonly done: number; readonly total: number; readonly detail: string } & At)
  /** Another process is computing this artifact. */
  | ({ readonly _tag: "waiting"; readonly holder: string } & At)
  | ({ readonly _tag: "done"; readonly reused: boolean; readonly seconds: number; readonly key: string } & At)
  /** A stage failed. Stages that depend on it are left out; the rest of the run goes on. */
  | ({ readonly _tag: "failed"; readonly message: string } & At)
  /** The state of a cluster's queue in words; an empty text ends it. */
  | { readonly _tag: "queue"; readonly text: string }
  /** Downloaded bytes of a data set, inside a stage. */
  | { readonly _tag: "download"; readonly file: string; readonly done: number; readonly total: number }
  /** `detail`: shown only to people who ask for details. */
  | { readonly _tag: "note"; readonly text: string; readonly detail?: true | undefined }

/** The receiver of a run's events. */
export class Progress extends Context.Service<Progress, { readonly report: (event: ProgressEvent) => void }>()(
  "@winnow/lab/Progress",
) {
  static readonly silent = Layer.succeed(Progress, { report: () => {} })
}
