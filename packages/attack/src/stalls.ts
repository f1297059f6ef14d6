/**
 * Measures how long each phase of a run blocks the event loop: Ctrl-C waits for so long.
 *
 * `bun packages/attack/src/stalls.ts EXPERIMENT [--set path=value ...] [--json FILE]` runs an experiment in this process, with
 * a store of its own, and lists the longest block of each phase. The delay of a 10 ms timer measures a block.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { cpus, tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { datasetsLayer } from "@winnow/data"
import { writeWhole } from "@winnow/files"
import {
  applySettings,
  commit,
  experimentNamed,
  loadExperiment,
  type ProgressEvent,
  resolve,
  runExperiment,
} from "@winnow/lab"
import { runLayers } from "@winnow/lab/testing"
import { openEngine } from "@winnow/tensor"
import { Effect } from "effect"

const every = 10

/** A phase and its longest block, in ms. */
interface Stall {
  readonly phase: string
  readonly longest: number
  /** Total time of the phase, in ms. */
  readonly total: number
}

/** Watches the event loop. A block that spans phases counts for the last phase that began before the block ended. */
const watchLoop = () => {
  const stalls = new Map<string, { longest: number; total: number }>()
  let phase = "start"
  let [last, began] = [performance.now(), performance.now()]
  const note = () => {
    const now = performance.now()
    const stall = stalls.get(phase) ?? { longest: 0, total: 0 }
    stalls.set(phase, { longest: Math.max(stall.longest, now - last), total: stall.total + now - began })
    last = now
    began = now
  }
  const timer = setInterval(note, every)
  return {
    enter: (next: string) => {
      const block = last
      note()
      last = block // the loop has not turned since, so the block continues in the next phase
      phase = next
    },
    end: (): ReadonlyArray<Stall> => {
      note()
      clearInterval(timer)
      return [...stalls].map(([phase, stall]) => ({ phase, ...stall }))
    },
  }
}

/** Counts "arm adaspec, seed 2" and similar stages as one phase: "arm". */
const phaseOf = (stage: string): string => stage.replace(/,? seed -?\d+/, "").replace(/^(arm|measure|tokens) .*/, "$1")

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { set: { type: "string", multiple: true, default: [] }, json: { type: "string" } },
})
const name = positionals[0] ?? "quickstart"
const home = mkdtempSync(join(tmpdir(), "winnow-stalls-"))
const { enter, end } = watchLoop()
const report = (event: ProgressEvent) => {
  if (event._tag === "started") enter(phaseOf(event.stage))
  else if (event._tag === "done") enter(event.index === event.of ? "record, intervals and report" : "between stages")
}
try {
  enter("engine and native library")
  await openEngine()
  enter("experiment's files and data")
  const results = join(home, "results")
  await Effect.runPromise(
    Effect.gen(function* () {
      const experiment = yield* experimentNamed(name)
      const [part] = yield* loadExperiment(experiment, null)
      const resolved = yield* resolve(yield* applySettings(part!.experiment, values.set), { seeds: [1] })
      return yield* runExperiment(resolved, { slug: experiment.slug, results })
    }).pipe(Effect.provide(runLayers(home, { results, report, datasets: datasetsLayer() }))),
  )
} finally {
  rmSync(home, { recursive: true, force: true })
}
const phases = end().toSorted((a, b) => b.longest - a.longest)
for (const { phase, longest, total } of phases)
  console.log(`${(longest / 1000).toFixed(2).padStart(7)} s of ${(total / 1000).toFixed(1).padStart(7)} s  ${phase}`)
if (values.json !== undefined) {
  const machine = { processor: cpus()[0]?.model ?? "unknown", cores: cpus().length }
  const record = {
    schema: 1,
    created: new Date().toISOString(),
    commit: commit(),
    machine,
    experiment: name,
    settings: values.set,
    phases: phases.map(({ phase, longest, total }) => ({ phase, longest: longest / 1000, total: total / 1000 })),
  }
  writeWhole(values.json, `${JSON.stringify(record, null, 2)}\n`)
}
process.exit(0)
