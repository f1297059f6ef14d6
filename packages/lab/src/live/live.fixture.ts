/** A run in a folder, written event by event, as its process writes it. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { PlannedRow, ProgressEvent } from "../progress.ts"
import { addEvent } from "../schedule/events.ts"
import { keyOf } from "../store/key.ts"
import { sealed } from "../store/manifest.ts"
import { openLog } from "./log.ts"

const made = (stage: string) => ({ stage })
/** A stage of these runs: its key follows from its label. */
const planned = (stage: string, kind: string, unit = "", after: ReadonlyArray<string> = []) => ({
  ...{ stage, kind, unit, flops: kind === "arm" ? 100 : 1, expected: null, alone: false },
  key: keyOf(made(stage)),
  after: after.map((label) => keyOf(made(label))),
})

/** The facts of such a run. */
interface Wanted {
  readonly experiment?: string
  readonly run?: string
  readonly arms?: ReadonlyArray<string>
  readonly seeds?: ReadonlyArray<number>
  readonly limit?: number
  readonly command?: ReadonlyArray<string>
}

/** A run of some arms under some seeds, two of each if left out. */
export const writtenRun = (home: string, wanted: Wanted = {}) => {
  const { experiment = "001-quickstart", run = "0123456789", command = ["experiment", "quickstart"] } = wanted
  const { arms = ["all-tokens", "adaspec"], seeds = [1, 2], limit = null } = wanted
  const names = { experiment, run }
  const directory = join(home, "results", names.experiment, names.run)
  const facts = {
    ...{ ...names, directory, part: null, preset: null, seeds, arms, command, limit },
    question: "Do chosen tokens make a <better> draft?",
  }
  const log = openLog(home, facts, (text) => {
    throw new Error(text)
  })
  const { begun, add } = log
  const drafts = facts.arms.flatMap((name) =>
    facts.seeds.map((seed) => ({ name, seed, label: `${name}, seed ${seed}` })),
  )
  const stages = [
    planned("target", "target", "steps"),
    ...drafts.flatMap(({ label }) => [
      planned(`arm ${label}`, "arm", "steps"),
      planned(`acceptance of ${label}`, "measure", "parts", [`arm ${label}`]),
      planned(`trial of ${label}`, "trial", "", [`arm ${label}`]),
    ]),
  ]
  const rows = drafts.map(({ name, seed, label }): PlannedRow => {
    const figures = [{ key: planned(`acceptance of ${label}`, "measure").key, measure: null }]
    return { name, role: "arm", seed, trained: planned(`arm ${label}`, "arm").key, figures }
  })
  const at = (stage: string) => {
    const index = stages.findIndex((of) => of.stage === stage)
    return { stage, index: index + 1, of: stages.length, unit: stages[index]!.unit }
  }
  const folderOf = (stage: string) => {
    const { kind, key } = stages.find((of) => of.stage === stage)!
    return join(home, "artifacts", kind, key)
  }
  /** Puts an artifact into the store. */
  const store = (stage: string, summary: Record<string, unknown>, expected?: number, seconds = 3) => {
    const [folder, partial] = [folderOf(stage), `${folderOf(stage)}.partial`]
    mkdirSync(partial, { recursive: true })
    const { kind, key } = stages.find((of) => of.stage === stage)!
    const manifest = sealed({
      ...{ schema: 2, stage: kind, key, made: made(stage), inputs: [], created: new Date().toISOString() },
      ...{ seconds, versions: {}, summary, files: [] },
    })
    writeFileSync(join(partial, "manifest.json"), JSON.stringify(manifest))
    const overlap = [[8 * (expected ?? 0), 8]]
    if (expected !== undefined) writeFileSync(join(partial, "figures.json"), JSON.stringify({ overlap }))
    const events = join(partial, ".events.jsonl")
    if (existsSync(events)) renameSync(events, join(partial, "metrics.jsonl"))
    renameSync(partial, folder)
    return { key }
  }
  return {
    log: begun.log!,
    directory,
    say: (event: ProgressEvent) => add(event),
    /** @param settled false while a search still chooses the settings of the drafts */
    plan: (settled = true) => {
      add({ _tag: "planned", beginning: true, slots: 1, stages })
      if (!settled) return
      add({ _tag: "named", run: names.run, directory })
      add({ _tag: "rows", rows })
    },
    start: (stage: string) => {
      mkdirSync(`${folderOf(stage)}.partial`, { recursive: true })
      add({ _tag: "started", resuming: false, ...at(stage) })
    },
    /** Steps of a training, from the one after `from`. */
    train: (stage: string, from: number, to: number, total: number, loss = (step: number) => 4 / Math.sqrt(step)) => {
      for (let step = from + 1; step <= to; step++) {
        const more = { learningRate: 1e-3, gradNorm: 1 / step, keptFraction: 0.4 }
        addEvent(`${folderOf(stage)}.partial`, { _tag: "step", stage, step, steps: total, loss: loss(step), ...more })
      }
      add({ _tag: "progress", done: to, total, detail: `loss ${loss(to).toFixed(3)}`, ...at(stage) })
    },
    /** @param expected expected acceptance of a measurement, whose counts are beside its summary */
    finish: (stage: string, summary: Record<string, unknown>, expected?: number, seconds = 3) => {
      const { key } = store(stage, summary, expected, seconds)
      add({ _tag: "done", reused: false, seconds, key, ...at(stage) })
    },
    /** The training goes on from a checkpoint. */
    resume: (stage: string, step: number) => addEvent(`${folderOf(stage)}.partial`, { _tag: "resumed", stage, step }),
    fail: (stage: string, message: string) => add({ _tag: "failed", message, ...at(stage) }),
    end: (state: "done" | "incomplete" | "failed", message: string | null = null) => {
      mkdirSync(directory, { recursive: true })
      writeFileSync(join(directory, "report.html"), "<!doctype html><title>the report</title><h1>The report</h1>")
      add({ _tag: "ended", state, message })
    },
    /** Its process is gone. */
    leave: () => {
      const text = readFileSync(begun.log!, "utf8")
      const first = text.split("\n")[0]!
      const line = JSON.parse(first) as { process: { started: string } }
      const gone = JSON.stringify({ ...line, process: { ...line.process, started: "another time" } })
      writeFileSync(begun.log!, text.replace(first, gone))
    },
    /** A job that no command watches: the store alone has its artifact. */
    storeAlone: (stage: string, summary: Record<string, unknown>) => store(stage, summary),
    /** A line that a kill cut short. */
    cutShort: () => appendFileSync(begun.log!, '{"at": 1, "event": {"_tag": "no'),
  }
}
