/** Events of a run while it works; the command line shows it, tests ignore it. */
import { Context, Layer } from "effect"

/** The stage that an event is about, and its place in the run. */
export interface At {
  readonly stage: string
  /** From 1, and how many there are. */
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
  /** Another process makes this artifact. */
  | ({ readonly _tag: "waiting"; readonly holder: string } & At)
  | ({ readonly _tag: "done"; readonly reused: boolean; readonly seconds: number; readonly key: string } & At)
  /** Stages that depend on it are left out; the rest of the run goes on. */
  | ({ readonly _tag: "failed"; readonly message: string } & At)
  /** Bytes of a data set that is fetched inside a stage. */
  | { readonly _tag: "download"; readonly file: string; readonly done: number; readonly total: number }
  /** `detail`: of interest to those who ask for all. */
  | { readonly _tag: "note"; readonly text: string; readonly detail?: true | undefined }

/** Where the events of a run go. */
export class Progress extends Context.Service<Progress, { readonly report: (event: ProgressEvent) => void }>()(
  "@winnow/lab/Progress",
) {
  static readonly silent = Layer.succeed(Progress, { report: () => {} })
}
