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

/** The facts of a run at its beginning. */
export interface RunFacts {
  /** NNN-slug. */
  readonly experiment: string
  readonly part: string | null
  readonly preset: string | null
  readonly question: string
  readonly run: string
  /** Folder of its results. */
  readonly directory: string
  readonly seeds: ReadonlyArray<number>
  readonly arms: ReadonlyArray<string>
  /** Steps of `--limit`: the figures of a smoke run have no meaning. Null, or left out by earlier versions, of others. */
  readonly limit?: number | null
  /** Arguments of the process. */
  readonly command: ReadonlyArray<string>
  /** The file that its events are written to; null where that is not possible. */
  readonly log: string | null
}

/** A stage of a run's plan. */
export interface PlannedPart {
  readonly stage: string
  readonly kind: string
  readonly key: string
  readonly unit: string
  readonly flops: number
  /** Seconds, by earlier stages of its kind; null without an estimate. */
  readonly expected: number | null
  /** True if no other stage runs beside it. */
  readonly alone: boolean
  /** Keys of the stages that it reads. */
  readonly after: ReadonlyArray<string>
}

/** A draft of the run, and the keys of its stages. */
export interface PlannedRow {
  readonly name: string
  readonly role: "start" | "reference" | "arm" | "capacity" | "study"
  readonly seed: number
  /** Its training; null of a row that reads an artifact of another row. */
  readonly trained: string | null
  /** The stages with its figures, and the name of each figure that is a plugin's; null for acceptance. */
  readonly figures: ReadonlyArray<{ readonly key: string; readonly measure: string | null }>
}

export type ProgressEvent =
  /** A run begins. */
  | ({ readonly _tag: "begun" } & RunFacts)
  /** The run has its final name and folder, which may depend on a search. */
  | { readonly _tag: "named"; readonly run: string; readonly directory: string }
  /** The drafts whose figures the run makes. */
  | { readonly _tag: "rows"; readonly rows: ReadonlyArray<PlannedRow> }
  /** The run ended; `message` says why where it failed. */
  | {
      readonly _tag: "ended"
      readonly state: "done" | "incomplete" | "stopped" | "failed"
      readonly message: string | null
    }
  /** The stages of a run, reported at its beginning and again when more stages are known. */
  | {
      readonly _tag: "planned"
      readonly beginning: boolean
      /** Stages that run at once; null for any number. */
      readonly slots: number | null
      readonly stages: ReadonlyArray<PlannedPart>
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
