import { expect, test } from "bun:test"
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { datasetsLayer } from "@winnow/data"
import { Effect, Fiber, Layer } from "effect"
import { runDistillation } from "../../test/run-distillation.ts"
import { tiny } from "../../test/tiny.ts"
import { registryOf } from "../experiment/registry.ts"
import { resolve } from "../experiment/resolve.ts"
import { Progress, type ProgressEvent } from "../progress.ts"
import type { RunRecord } from "../record/schema.ts"
import { type WrittenRun, writtenDistillation } from "../runs/read-run.ts"
import { Store } from "../store/store.ts"
import { compareRecords } from "./compare-records.ts"
import { renderRepeat } from "./render.ts"
import { finalLosses, type Repeat, repeatRun } from "./repeat.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-repeat-"))
const layers = Layer.merge(datasetsLayer({ folder: undefined }), Progress.silent)
const { directory, record } = await Effect.runPromise(
  Effect.flatMap(resolve(tiny), (r) => runDistillation(r, { slug: "000-tiny", results: join(home, "results") })).pipe(
    Effect.provide(Layer.merge(layers, Store.layer(home))),
  ),
)

const repeat = (folder: string, onEvent: (event: ProgressEvent) => void = () => {}) =>
  repeatRun(folder, { home, registry: registryOf(tiny) }).pipe(
    Effect.provide(datasetsLayer({ folder: undefined })),
    Effect.provideService(Progress, { report: onEvent }),
  )

/** Counts by events the stages that a repeat reuses and computes. */
const counted = () => {
  const count = { found: 0, made: 0 }
  const onEvent = (event: ProgressEvent) => {
    if (event._tag === "done") count[event.reused ? "found" : "made"]++
  }
  return { count, onEvent }
}

/** A copy of the run, changed. */
const changed = (change: (record: RunRecord) => void): string => {
  const folder = join(mkdtempSync(join(tmpdir(), "winnow-changed-")), "run")
  cpSync(directory, folder, { recursive: true })
  const copy = JSON.parse(readFileSync(join(folder, "run.json"), "utf8")) as RunRecord
  change(copy)
  writeFileSync(join(folder, "run.json"), JSON.stringify(copy))
  return folder
}

test("a run repeats from its run.json alone, to the last digit; a stopped repeat resumes, a finished one starts again", async () => {
  const before = readFileSync(join(directory, "run.json"), "utf8")
  let stop = () => {}
  const fiber = Effect.runFork(
    repeat(directory, (event) => {
      if (event._tag === "started" && event.stage.startsWith("arm ")) stop()
    }),
  )
  stop = () => fiber.interruptUnsafe()
  await Effect.runPromise(Fiber.await(fiber))

  const [second, third] = [counted(), counted()]
  const first = await Effect.runPromise(repeat(directory, second.onEvent))
  expect(second.count.found).toBeGreaterThan(2)
  expect(second.count.made).toBeGreaterThan(5)
  expect(first).toMatchObject({ reproduced: true, exact: true, unlike: [], deviations: [] })
  expect(first.equal).toBe(first.compared)
  expect(first.compared).toBeGreaterThan(300)
  expect(first.directory).toStartWith(join(home, "repeats", record.run))
  const greedy = ({ tables }: WrittenRun) => tables[0]!.rows.map(({ cells }) => cells["greedyAcceptance"])
  expect(greedy(first.repeated)).toEqual(greedy(writtenDistillation(record)))
  // Only training stages: the target, and for each seed the start and the two arms.
  expect(finalLosses(first.directory)!.length).toBe(1 + 2 * 3)
  expect(finalLosses(first.directory)).toEqual(finalLosses(directory))
  expect(readFileSync(join(directory, "run.json"), "utf8")).toBe(before)
  expect(renderRepeat(first)).toContain("Reproduced: all the same.")

  // A repeat from an empty store detects a changed digit of one figure and of one loss.
  const path = "rows[behind].seeds[2].expectedAcceptance"
  const folder = changed(({ rows }) => {
    rows.find(({ name }) => name === "behind")!.seeds[1]!.expectedAcceptance! += 1e-12
  })
  const lines = readFileSync(join(folder, "metrics.jsonl"), "utf8").trimEnd().split("\n")
  const at = lines.findLastIndex((line) => line.includes('"stage":"target"') && line.includes('"_tag":"step"'))
  const step = JSON.parse(lines[at]!) as { loss: number }
  lines[at] = JSON.stringify({ ...step, loss: step.loss * 1.00001 })
  writeFileSync(join(folder, "metrics.jsonl"), `${lines.join("\n")}\n`)
  const other = await Effect.runPromise(repeat(folder, third.onEvent))
  expect(third.count.found).toBe(0)
  expect(other).toMatchObject({ reproduced: false, exact: true })
  expect(other.deviations.map((d) => d.path)).toEqual([path, "finalLosses[target].loss"])
  const text = renderRepeat(other)
  expect(text).toMatch(/rows\[behind\]\.seeds\[2\]\.expectedAcceptance +0\.\d+ +0\.\d+ +OUT/)
  expect(text).toContain(`NOT reproduced: 2 of ${other.compared} are other figures, ${path} first.`)
})

test("a record whose config an earlier version wrote is repeated, and its settings are the same", async () => {
  const old = changed((copy) => {
    const { draft, ...rest } = copy.config as { draft: { start: { model: unknown; pretraining: unknown } } }
    const { model, pretraining } = draft.start
    copy.config = { ...rest, draft: { model, pretraining } }
  })
  expect(await Effect.runPromise(repeat(old))).toMatchObject({ reproduced: true, deviations: [] })
})

test("another arithmetic must give intervals that overlap, and a figure beyond its own is named", async () => {
  const program = join(import.meta.dir, "../../test/repeat-process.ts")
  const elsewhere = mkdtempSync(join(tmpdir(), "winnow-elsewhere-"))
  const child = Bun.spawn(["bun", program, directory, elsewhere], {
    env: { ...process.env, WINNOW_NATIVE: process.env["WINNOW_NATIVE"] === "off" ? "" : "off" },
    stdout: "pipe",
    stderr: "inherit",
  })
  const found = JSON.parse(await new Response(child.stdout).text()) as Repeat
  expect(await child.exited).toBe(0)
  expect(found).toMatchObject({ reproduced: true, exact: false })
  expect(found.unlike[0]).toMatch(/^machine\.native: /)
  expect(found.unlike.at(-1)).toMatch(/stages have other keys/)
  expect(found.deviations.length).toBeGreaterThan(5) // The repeat really computed with other arithmetic.
  expect(found.equal).toBeGreaterThan(50) // Settings, steps and tokens are equal.
  expect(renderRepeat(found)).toMatch(/machine\.native: .*\n[\s\S]*Reproduced: every interval overlaps/)

  const out = (change: (record: RunRecord) => void) => {
    const copy = structuredClone(record)
    change(copy)
    const ofCopy = { written: writtenDistillation(copy), document: copy, finalLosses: null }
    const ofRepeat = { written: found.repeated, document: {}, finalLosses: null }
    return compareRecords(ofCopy, ofRepeat).deviations.filter(({ within }) => !within)
  }
  expect(out(() => {})).toEqual([])
  const acceptance = out(({ rows }) => {
    rows[1]!.greedyAcceptance = { ...rows[1]!.greedyAcceptance, value: 2, low: 1.9, high: 2.1 }
  })
  expect(acceptance.map(({ path }) => path)).toEqual(["acceptance[all].greedyAcceptance"])
  const steps = out(({ rows }) => {
    for (const { arm } of rows[2]!.budget) arm.steps++
  })
  expect(steps.map(({ path }) => path)).toContain("cost[behind].steps")
  const lost = out(({ rows }) => {
    rows[2]!.seeds.pop()
  })
  expect(lost.map(({ path }) => path)).toEqual(["acceptance[behind].seeds", "time[behind].seeds"])
  const gone = out(({ rows }) => {
    rows.pop()
  })
  expect(gone).toContainEqual({ path: "acceptance[behind]", recorded: "-", repeated: "there", within: false })
  const other = out((copy) => {
    copy.config = { ...copy.config, maxLength: 7 }
  })
  expect(other.map(({ path }) => path)).toEqual(["config.maxLength"])
})

test("a record of another version is refused with where it can be repeated; so is one whose plugins are not here", async () => {
  const old = changed((copy) => {
    ;(copy as { schema: number }).schema = 1
    ;(copy as { commit: unknown }).commit = { hash: "0123456789abcdef", dirty: false }
  })
  const { message } = await Effect.runPromise(Effect.flip(repeat(old)))
  expect(message).toMatch(/its schema is 1\); repeat it at commit 0123456$/)
  const outside = changed((copy) => {
    copy.run = "../../elsewhere"
  })
  expect((await Effect.runPromise(Effect.flip(repeat(outside)))).message).toContain('calls its run "../../elsewhere"')
  const nobody = repeatRun(directory, { home, registry: new Map() }).pipe(Effect.provide(layers))
  expect((await Effect.runPromise(Effect.flip(nobody))).message).toContain('no task "echo" here')
  const unknown = repeatRun(directory, { home }).pipe(Effect.provide(layers))
  expect((await Effect.runPromise(Effect.flip(unknown))).message).toContain("experiment 000-tiny: there is no such")
})
