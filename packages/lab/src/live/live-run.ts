/** A run as a page shows it: read from its log and from the store, by its own process or by another. */
import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { isAlive } from "@winnow/files"
import { rowColours } from "../report/colours.ts"
import { Curve, type LiveStep, type TrainingTail, trainingTail } from "./curve.ts"
import { type ArtifactFigures, figuresAt, figuresTable } from "./figures.ts"
import { readJobs } from "./jobs.ts"
import { type LogLine, parsedLine } from "./log.ts"
import type { Meter } from "./meter.ts"
import type { LiveColours, LiveCurve, LiveRunState, LiveSnapshot, RunningStage } from "./snapshot.ts"
import { type LiveStage, LiveState } from "./state.ts"
import { openTail, type Tail } from "./tail.ts"

/** Milliseconds between two looks at the store for the jobs of a command that is gone. */
const betweenLooks = 5000
/** Milliseconds for trainings that have ended: the rest of them waits, so that no reading takes long. */
const forEnded = 20
/** Figures that are read at once. */
const figuresAtOnce = 10

/** The draft of a training, by the key of its stage. */
export interface TrainedRow {
  readonly name: string
  readonly role: LiveCurve["role"]
  readonly seed: number
}

interface Training {
  readonly tail: TrainingTail
  readonly curve: Curve
}

/** The folder of artifacts of the store that a log lies in. */
export const rootOf = (log: string): string => join(dirname(dirname(log)), "artifacts")

export class LiveRun {
  readonly state = new LiveState()
  readonly #log: Tail
  readonly #trainings = new Map<string, Training>()
  readonly #figures = new Map<string, ArtifactFigures>()
  /** Curves with new points, by the label of their stage. */
  readonly #changed = new Set<string>()
  #lookedAt = 0
  #jobsRun = false

  /**
   * @param log the file of the run's events
   * @param root the folder of artifacts
   * @param onStep gets each new step of a training, of a draft its row
   */
  constructor(
    log: string,
    readonly root = rootOf(log),
    readonly onStep: (stage: LiveStage, row: TrainedRow | undefined, step: LiveStep) => void = () => {},
  ) {
    this.#log = openTail(log)
  }

  /** Reads new events of the run; nothing of its trainings and figures. */
  readLog(): void {
    for (;;) {
      const { lines } = this.#log.read()
      for (const text of lines) {
        const line: LogLine | undefined = parsedLine(text)
        if (line !== undefined) this.state.add(line)
      }
      if (lines.length === 0) break
    }
    this.#lookForJobs()
  }

  /** Reads what is new. */
  refresh(): void {
    this.readLog()
    this.#readTrainings()
    this.#readFigures()
  }

  /** True once the run has ended, and nothing goes on without its process. */
  get over(): boolean {
    return this.runState !== "running" && this.runState !== "jobs"
  }

  get #isGone(): boolean {
    const { ended, process } = this.state
    return ended === undefined ? process !== undefined && isAlive(process) === false : ended.state === "stopped"
  }

  get runState(): LiveRunState {
    if (this.#isGone) return this.#jobsRun ? "jobs" : "stopped"
    return this.state.ended?.state ?? "running"
  }

  /** True if other machines make the stages: they go on without the command. */
  get #isLaunched(): boolean {
    return /--launcher[= ](?!local|workers)/.test(this.state.facts?.command.join(" ") ?? "")
  }

  /** Takes the state of a command that is gone from the store, where jobs of a cluster may go on. */
  #lookForJobs(): void {
    if (!this.#isGone || !this.#isLaunched || Date.now() - this.#lookedAt < betweenLooks) return
    this.#lookedAt = Date.now()
    this.#jobsRun = readJobs(this.state, this.root)
  }

  /** The draft of a training, by the key of its stage. */
  rowOf(key: string): TrainedRow | undefined {
    const row = this.state.rows.find(({ trained }) => trained === key)
    return row && { name: row.name, role: row.role, seed: row.seed }
  }

  #readTrainings(): void {
    const began = performance.now()
    for (const stage of this.state.stages.values()) {
      const { key, kind, unit, state } = stage
      if (unit !== "steps" || key === "" || state === "waiting" || state === "failed") continue
      const isRunning = state === "running"
      const training = this.#trainings.get(key) ?? {
        tail: trainingTail(join(this.root, kind, key)),
        curve: new Curve(),
      }
      this.#trainings.set(key, training)
      if (!isRunning && (training.tail.whole() || performance.now() - began > forEnded)) continue
      const row = this.rowOf(key)
      const onStep = (step: LiveStep) => {
        training.curve.add(step.step, step.loss)
        if (isRunning) {
          // The log has a line a second, and of jobs without their command none.
          stage.done = Math.max(stage.done, step.step)
          stage.total ||= step.steps
        }
        this.onStep(stage, row, step)
      }
      const read = () => training.tail.read(isRunning, onStep, (step) => training.curve.cut(step))
      while (read()) {
        this.#changed.add(stage.stage)
        if (isRunning || performance.now() - began > forEnded) break
      }
    }
  }

  #readFigures(): void {
    const stages = new Map([...this.state.stages.values()].map((stage) => [stage.key, stage]))
    let read = 0
    for (const { figures } of this.state.rows)
      for (const { key, measure } of figures) {
        const stage = stages.get(key)
        if (stage === undefined || this.#figures.has(key) || read >= figuresAtOnce) continue
        if (stage.state !== "done" && stage.state !== "stored") continue
        this.#figures.set(key, figuresAt(this.root, stage.kind, key, measure))
        read++
      }
  }

  /** True once all steps of an ended training are read. */
  isRead({ key, state }: LiveStage): boolean {
    return (state === "done" || state === "stored") && this.#trainings.get(key)?.tail.whole() === true
  }

  /** True if there is more to read of stages that have ended. */
  get readsMore(): boolean {
    const ended = [...this.state.stages.values()].filter(
      ({ key, state }) => key !== "" && (state === "done" || state === "stored"),
    )
    const keys = new Set(ended.map(({ key }) => key))
    return (
      ended.some((stage) => stage.unit === "steps" && !this.isRead(stage)) ||
      this.state.rows.some(({ figures }) => figures.some(({ key }) => keys.has(key) && !this.#figures.has(key)))
    )
  }

  /** Figures of a row's stage, by its key; undefined before it is measured. */
  figuresOf(key: string): ArtifactFigures | undefined {
    return this.#figures.get(key)
  }

  /** The state of the run at a time in milliseconds since 1970. */
  snapshot(now = Date.now()): LiveSnapshot {
    const { state } = this
    const { facts, ended, meter } = state
    const running = this.runState === "running" || this.runState === "jobs"
    if (running) state.tick(now)
    const stages = [...state.stages.values()]
    const { over, of } = meter.counts()
    const finished = this.runState === "done" || this.runState === "incomplete"
    return {
      run: facts
        ? {
            ...{ experiment: facts.experiment, part: facts.part, preset: facts.preset, run: facts.run },
            ...{ question: facts.question, directory: facts.directory, seeds: facts.seeds },
            limit: facts.limit ?? null,
            command: facts.command.join(" "),
          }
        : null,
      state: this.runState,
      message: ended?.message ?? null,
      elapsed: facts ? Math.max(0, (now - state.began) / 1000) : 0,
      fraction: finished ? 1 : meter.fraction(),
      left: running ? (meter.left() ?? null) : null,
      ...{ over, of },
      running: running
        ? stages.filter((stage) => stage.state === "running").map((stage) => runningAt(stage, now, meter))
        : [],
      queue: [state.queue, state.download].filter((text) => text !== "").join("; "),
      ...figuresTable(state.rows, (key) => this.#figures.get(key)),
      ...{ errors: state.errors, notes: state.notes },
      stages: stages.map(({ stage, state, seconds }) => ({ stage, state, seconds })),
      report: finished && existsSync(join(facts!.directory, "report.html")),
    }
  }

  /** All curves, or those with new points since the last call. */
  curves(all: boolean): ReadonlyArray<LiveCurve> {
    const changed = [...this.state.stages.values()].filter(({ stage }) => all || this.#changed.has(stage))
    if (!all) this.#changed.clear()
    return changed.flatMap(({ stage, key }) => {
      const training = this.#trainings.get(key)
      if (training === undefined) return []
      const row = this.rowOf(key)
      const { name = null, role = null, seed = null } = row ?? {}
      return [{ stage, name, role, seed, points: training.curve.points }]
    })
  }

  /** The looks of the drafts. */
  get colours(): LiveColours {
    const byName = new Map(this.state.rows.map((row) => [row.name, row]))
    const rows = [...byName.values()].map(({ name, role }) => ({ name, role: role === "study" ? "arm" : role }))
    const { domain, range, dashes } = rowColours({ rows })
    return Object.fromEntries(domain.map((name, i) => [name, { colour: range[i]!, dash: dashes[i]! }]))
  }
}

const runningAt = (stage: LiveStage, now: number, meter: Meter): RunningStage => {
  const { stage: label, done, total, unit, detail, began = now } = stage
  return {
    ...{ stage: label, done, total, unit, detail },
    seconds: Math.max(0, (now - began) / 1000),
    left: meter.leftOf(label) ?? null,
  }
}
