/**
 * TensorBoard logs of a run: a folder for each draft and seed, `<experiment>-<run>/<arm>/seed-1`, and one for each other
 * training. They are read from the run's log and from the store, as a live page is.
 */
import { mkdirSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { openSummaries, type SummaryWriter } from "@winnow/tensor"
import type { LiveStep } from "./curve.ts"
import { type ArtifactFigures, figuresAt } from "./figures.ts"
import { LiveRun, rootOf, type TrainedRow } from "./live-run.ts"
import type { LiveStage } from "./state.ts"

/** The end of the names of our files: those of an earlier run of the same command are removed. */
const suffix = ".winnow"

/** The scalars of a step. */
const ofStep = {
  "train/loss": "loss",
  "train/kept_fraction": "keptFraction",
  "train/learning_rate": "learningRate",
  "train/gradient_norm": "gradNorm",
} as const satisfies Record<string, keyof LiveStep>

/** Names of figures; a plugin's measure has its own. */
const names: Readonly<Record<string, string>> = {
  greedyAcceptance: "greedy_acceptance",
  expectedAcceptance: "expected_acceptance",
  blockEfficiency: "tau",
  speedup: "speed_up",
}

/** A name as a folder or a tag: letters, digits and a few signs. */
const plain = (name: string): string =>
  name.replaceAll(/[^\p{L}\p{N}.+=-]+/gu, "_").replaceAll(/^[._]+|_+$/g, "") || "_"

interface Open {
  readonly writer: SummaryWriter
  /** The last step that is written. */
  step: number
}

/** The logs of one run. */
export class TensorBoardRun {
  readonly #run: LiveRun
  readonly #open = new Map<string, Open>()
  readonly #written = new Set<string>()

  /**
   * @param folder of all logs
   * @param log of the run
   */
  constructor(
    readonly folder: string,
    log: string,
  ) {
    this.#run = new LiveRun(log, rootOf(log), (stage, row, step) => this.#step(stage, row, step))
  }

  /** The folder of a training, below that of the run. */
  #folderOf(stage: LiveStage, row: TrainedRow | undefined): string {
    const { experiment = "run", part = null, run = "" } = this.#run.state.facts ?? {}
    const of = [experiment, part, run].filter((name) => name !== null).map(plain)
    return join(this.folder, of.join("-"), ...(row ? [plain(row.name), `seed-${row.seed}`] : [plain(stage.stage)]))
  }

  #writer(stage: LiveStage, row: TrainedRow | undefined): Open {
    const folder = this.#folderOf(stage, row)
    const found = this.#open.get(folder)
    if (found !== undefined) return found
    mkdirSync(folder, { recursive: true })
    const isOurs = (name: string) => name.startsWith("events.out.tfevents.") && name.endsWith(suffix)
    for (const name of readdirSync(folder).filter(isOurs)) rmSync(join(folder, name))
    const opened = { writer: openSummaries(folder, suffix), step: 0 }
    this.#open.set(folder, opened)
    return opened
  }

  #step(stage: LiveStage, row: TrainedRow | undefined, step: LiveStep): void {
    const open = this.#writer(stage, row)
    // A resumed training makes some steps again, with the same numbers.
    if (step.step <= open.step) return
    open.step = step.step
    for (const [name, key] of Object.entries(ofStep)) {
      const value = step[key]
      if (typeof value === "number" && Number.isFinite(value)) open.writer.scalar(name, value, step.step)
    }
  }

  #figures(kind: "validation" | "final", open: Open, figures: ArtifactFigures): void {
    for (const [key, value] of Object.entries(figures))
      open.writer.scalar(`${kind}/${names[key] ?? plain(key.replace(/^value /, ""))}`, value, open.step)
  }

  /** The figures of drafts whose training is written, and of trials on the validation split. */
  #readFigures(): void {
    const { rows, stages } = this.#run.state
    const byKey = new Map([...stages.values()].map((stage) => [stage.key, stage]))
    for (const { name, role, seed, trained, figures } of rows) {
      const training = trained === null ? undefined : byKey.get(trained)
      if (training?.unit === "steps" && !this.#run.isRead(training)) continue
      for (const { key } of figures) {
        const found = this.#run.figuresOf(key)
        if (found === undefined || this.#written.has(`${name} ${seed} ${key}`)) continue
        this.#written.add(`${name} ${seed} ${key}`)
        const stage = training ?? byKey.get(key)!
        this.#figures("final", this.#writer(stage, { name, role, seed }), found)
      }
    }
    for (const stage of stages.values()) {
      const isEnded = stage.state === "done" || stage.state === "stored"
      if (stage.kind !== "trial" || !isEnded || this.#written.has(stage.key)) continue
      const training = stage.after.map((key) => byKey.get(key)).find((of) => of?.unit === "steps")
      if (training === undefined || !this.#run.isRead(training)) continue
      this.#written.add(stage.key)
      const figures = figuresAt(this.#run.root, stage.kind, stage.key, null)
      this.#figures("validation", this.#writer(training, this.#run.rowOf(training.key)), figures)
    }
  }

  /** Writes what is new. The drafts have names only once a search has ended; trainings of a run that ends before keep theirs. */
  refresh(isEnd = false): void {
    this.#run.readLog()
    if (this.#run.state.rows.length === 0 && !isEnd) return
    this.#run.refresh()
    this.#readFigures()
  }

  /** Writes the rest, and closes all files. */
  close(): void {
    try {
      this.refresh(true)
      while (this.#run.readsMore) this.refresh(true)
      this.refresh(true)
    } finally {
      this.free()
    }
  }

  /** Closes all files as they are: a disk may be full. @error Error of the first that could not be written */
  free(): void {
    const open = [...this.#open.values()]
    this.#open.clear()
    const faults = open.flatMap(({ writer }) => {
      try {
        writer.close()
        return []
      } catch (error) {
        return [error]
      }
    })
    if (faults.length > 0) throw faults[0]
  }
}
