/** The content of a live page, as it is sent: the state of a run, and the curves of its trainings. */
import type { PlannedRow } from "../progress.ts"
import type { LiveColumn, LiveRow } from "./figures.ts"
import type { TimeLeft } from "./meter.ts"

/** A running stage. */
export interface RunningStage {
  readonly stage: string
  /** Counted in `unit`; a total of 0 is unknown. */
  readonly done: number
  readonly total: number
  readonly unit: string
  readonly detail: string
  readonly seconds: number
  /** Seconds until its end; null if unknown. */
  readonly left: number | null
}

/**
 * - running: its process works
 * - jobs: its process is gone, and jobs of a cluster go on
 * - others: as it ended
 */
export type LiveRunState = "running" | "jobs" | "done" | "incomplete" | "stopped" | "failed"

/** The state of a run. */
export interface LiveSnapshot {
  /** Null before the run began. */
  readonly run: {
    readonly experiment: string
    readonly part: string | null
    readonly preset: string | null
    readonly run: string
    readonly question: string
    readonly directory: string
    readonly command: string
    readonly seeds: ReadonlyArray<number>
    /** Steps of `--limit`; null of a run that is no smoke run. */
    readonly limit: number | null
  } | null
  readonly state: LiveRunState
  readonly message: string | null
  /** Seconds since the run began. */
  readonly elapsed: number
  readonly fraction: number
  /** Until its end; null while too little is known. */
  readonly left: TimeLeft | null
  readonly over: number
  readonly of: number
  readonly running: ReadonlyArray<RunningStage>
  readonly queue: string
  readonly columns: ReadonlyArray<LiveColumn>
  readonly rows: ReadonlyArray<LiveRow>
  readonly errors: ReadonlyArray<{ readonly stage: string; readonly message: string }>
  readonly notes: ReadonlyArray<string>
  readonly stages: ReadonlyArray<{
    readonly stage: string
    readonly state: "waiting" | "running" | "done" | "stored" | "failed"
    readonly seconds: number
  }>
  /** True once the report is written. */
  readonly report: boolean
}

/** The loss of one training. */
export interface LiveCurve {
  readonly stage: string
  /** The draft that it makes; null of the target and others. */
  readonly name: string | null
  readonly role: PlannedRow["role"] | null
  readonly seed: number | null
  readonly points: ReadonlyArray<readonly [step: number, loss: number]>
}

/** The looks of drafts, by name. */
export type LiveColours = Readonly<Record<string, { readonly colour: string; readonly dash: ReadonlyArray<number> }>>
