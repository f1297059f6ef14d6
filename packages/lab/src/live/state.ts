/** The state of a run, from the events of its log. */
import type { PlannedRow, ProgressEvent, RunFacts } from "../progress.ts"
import type { LogLine } from "./log.ts"
import { makeMeter } from "./meter.ts"

/** A stage of the run. */
export interface LiveStage {
  readonly stage: string
  readonly kind: string
  readonly key: string
  readonly unit: string
  /** Keys of the stages that it reads. */
  readonly after: ReadonlyArray<string>
  state: "waiting" | "running" | "done" | "stored" | "failed"
  /** Milliseconds since 1970. */
  began?: number
  done: number
  total: number
  detail: string
  /** Of a stage that ended. */
  seconds: number
}

/** The most notes of a run that a page shows. */
const mostNotes = 100

export class LiveState {
  facts: RunFacts | undefined
  ended: Omit<Extract<ProgressEvent, { _tag: "ended" }>, "_tag"> | undefined
  process: LogLine["process"]
  began = 0
  rows: ReadonlyArray<PlannedRow> = []
  /** By label, in the order of the plan. */
  stages = new Map<string, LiveStage>()
  readonly errors: Array<{ readonly stage: string; readonly message: string }> = []
  readonly notes: Array<string> = []
  queue = ""
  download = ""
  #time = 0
  readonly meter = makeMeter(() => this.#time / 1000)

  /** The stage that an event tells of. */
  #of({ stage, unit }: { readonly stage: string; readonly unit: string }): LiveStage {
    const found = this.stages.get(stage)
    if (found !== undefined) return found
    const unknown: LiveStage = { stage, kind: "", key: "", unit, after: [], state: "waiting", ...nothing }
    this.stages.set(stage, unknown)
    return unknown
  }

  /** Sets the present time for the estimate of the time left, in milliseconds since 1970. */
  tick(time: number): void {
    this.#time = Math.max(this.#time, time)
  }

  add({ at, event, process }: LogLine): void {
    this.tick(at)
    this.meter.add(event)
    switch (event._tag) {
      case "begun":
        this.facts = event
        this.process = process
        this.began = at
        break
      case "named":
        if (this.facts) this.facts = { ...this.facts, run: event.run, directory: event.directory }
        break
      case "rows":
        this.rows = event.rows
        break
      case "ended":
        this.ended = event
        break
      case "planned": {
        const before = this.stages
        this.stages = new Map(
          event.stages.map((of) => [of.stage, { state: "waiting", ...nothing, ...before.get(of.stage), ...of }]),
        )
        break
      }
      case "started": {
        Object.assign(this.#of(event), { state: "running", began: at })
        break
      }
      case "waiting":
        Object.assign(this.#of(event), { state: "running", began: at, detail: `waits for ${event.holder}` })
        break
      case "progress": {
        const { done, total, detail } = event
        const of = this.#of(event)
        of.began ??= at
        Object.assign(of, { state: "running", done, total, detail })
        break
      }
      case "done": {
        const of = this.#of(event)
        Object.assign(of, { state: event.reused ? "stored" : "done", seconds: event.seconds })
        break
      }
      case "failed":
        this.#of(event).state = "failed"
        this.errors.push({ stage: event.stage, message: event.message })
        break
      case "queue":
        this.queue = event.text
        break
      case "download": {
        const { file, done, total } = event
        this.download = done < total ? `${file}: ${(done / 1e6).toFixed(1)}/${(total / 1e6).toFixed(1)} MB` : ""
        break
      }
      case "note":
        if (!event.detail && this.notes.length < mostNotes) this.notes.push(event.text)
    }
  }
}

const nothing = { done: 0, total: 0, detail: "", seconds: 0 } as const
