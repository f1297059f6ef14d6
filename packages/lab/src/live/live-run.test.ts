/** A run as another process reads it from its log and the store. */
import { afterAll, expect, test } from "bun:test"
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { stateHtml } from "./browser/views.ts"
import { Curve } from "./curve.ts"
import { writtenRun } from "./live.fixture.ts"
import { LiveRun } from "./live-run.ts"
import { logsIn, parsedLine } from "./log.ts"
import { WatchSource } from "./source.ts"
import { openTail } from "./tail.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-live-"))
afterAll(() => rmSync(home, { recursive: true, force: true }))
const root = join(home, "artifacts")

/** The stages of a run by label, as its log has them. */
const stagesOf = ({ log }: { readonly log: string }) => {
  const live = new LiveRun(log)
  live.readLog()
  return live.state.stages
}

test("a smoke run says so beside its state, any other run does not", () => {
  const shown = (limit?: number) => {
    const live = new LiveRun(writtenRun(home, limit === undefined ? {} : { limit }).log, root)
    live.refresh()
    return stateHtml(live.snapshot())
  }
  expect(shown(2)).toContain("<b>Smoke run</b>, cut by --limit 2: its figures have no meaning.")
  expect(shown()).not.toContain("Smoke")
})

test("stages, curves, figures and errors are those that the run has written, at each moment", () => {
  const run = writtenRun(home)
  const steps: Array<readonly [string | undefined, number | undefined, number]> = []
  const live = new LiveRun(run.log, root, (_, row, { step }) => steps.push([row?.name, row?.seed, step]))
  live.refresh()
  expect(live.snapshot()).toMatchObject({ state: "running", of: 0, run: { experiment: "001-quickstart" } })

  run.plan()
  run.start("target")
  run.train("target", 0, 10, 40)
  live.refresh()
  const now = live.snapshot()
  expect(now.running).toMatchObject([{ stage: "target", done: 10, total: 40, unit: "steps", detail: "loss 1.265" }])
  expect([now.over, now.of, now.columns]).toEqual([0, 13, []])
  expect(live.curves(false)).toMatchObject([{ stage: "target", name: null, seed: null }])
  expect(live.curves(false)).toEqual([])

  run.train("target", 10, 25, 40) // Within a second: the log leaves it out, and the training's own steps tell it.
  live.refresh()
  expect(live.snapshot().running).toMatchObject([{ done: 25, total: 40 }])
  run.train("target", 25, 40, 40)
  run.finish("target", {})
  run.start("arm adaspec, seed 2")
  run.train("arm adaspec, seed 2", 0, 20, 20)
  run.finish("arm adaspec, seed 2", {})
  run.finish("acceptance of adaspec, seed 2", { greedyAcceptance: 0.75, blockEfficiency: 2.5 })
  run.finish("acceptance of adaspec, seed 1", { greedyAcceptance: 0.25, blockEfficiency: null }, 0.5)
  run.fail("arm all-tokens, seed 1", "loss is not finite at step 3")
  live.refresh()
  const later = live.snapshot()
  expect(later.over).toBe(5)
  expect(later.columns.map(({ title }) => title)).toEqual(["greedy %", "expected %", "tau"])
  expect(later.rows).toMatchObject([
    { name: "all-tokens", cells: {}, seeds: 2 },
    {
      name: "adaspec",
      cells: {
        greedyAcceptance: { mean: 0.5, seeds: 2 },
        expectedAcceptance: { mean: 0.5, seeds: 1 },
        blockEfficiency: { mean: 2.5, seeds: 1 },
      },
      seeds: 2,
    },
  ])
  expect(later.errors).toEqual([{ stage: "arm all-tokens, seed 1", message: "loss is not finite at step 3" }])
  expect(live.curves(true)).toMatchObject([
    { stage: "target", name: null },
    { stage: "arm adaspec, seed 2", name: "adaspec", seed: 2, role: "arm" },
  ])
  expect(live.curves(true)[0]!.points.length).toBe(40)
  expect(steps.filter(([name]) => name === undefined).map(([, , step]) => step)).toEqual(
    Array.from({ length: 40 }, (_, i) => i + 1),
  )
  expect(steps.filter(([name]) => name === "adaspec").map(([, seed, step]) => [seed, step])).toEqual(
    Array.from({ length: 20 }, (_, i) => [2, i + 1]),
  )

  run.end("incomplete")
  live.refresh()
  expect(live.over).toBe(true)
  expect(live.snapshot()).toMatchObject({ state: "incomplete", report: true, left: null })
})

test("a log of a process that is gone is a stopped run; a line that a kill cut short is left out", () => {
  const run = writtenRun(home)
  run.plan()
  run.cutShort()
  run.leave()
  const live = new LiveRun(run.log, root)
  live.refresh()
  expect(live.runState).toBe("stopped")
  expect(live.snapshot().of).toBe(13)
  expect(live.over).toBe(true)
})

test("jobs of a cluster go on without their command: the store tells their stages, until nothing of them is fresh", () => {
  const own = join(home, "cluster")
  const run = writtenRun(own, { command: ["experiment", "quickstart", "--launcher", "slurm"] })
  run.plan()
  run.start("target")
  run.leave()
  run.train("target", 0, 10, 40)
  const live = new LiveRun(run.log)
  live.refresh()
  expect(live.runState).toBe("jobs")
  expect(live.over).toBe(false)
  live.refresh()
  expect(live.snapshot()).toMatchObject({ over: 0, running: [{ stage: "target", done: 10, total: 40 }] })

  run.storeAlone("target", {})
  run.storeAlone("arm adaspec, seed 1", {})
  run.storeAlone("acceptance of adaspec, seed 1", { greedyAcceptance: 0.5 })
  const launch = join(own, "launches", "0123456789ab")
  const failed = stagesOf(run).get("arm all-tokens, seed 1")!
  mkdirSync(join(launch, "stages"), { recursive: true })
  writeFileSync(join(launch, "launch.json"), "{}")
  const failure = { _tag: "failed", error: { _tag: "DataError", message: "a text is missing" } }
  writeFileSync(join(launch, "stages", `${failed.key}.jsonl`), `${JSON.stringify(failure)}\n`)
  const later = new LiveRun(run.log)
  later.refresh()
  expect(later.snapshot().errors).toEqual([{ stage: "arm all-tokens, seed 1", message: "a text is missing" }])
  expect(later.snapshot()).toMatchObject({
    state: "jobs",
    over: 4,
    rows: [{}, { cells: { greedyAcceptance: { mean: 0.5 } } }],
  })

  const old = new Date(Date.now() - 3_600_000)
  for (const name of readdirSync(later.root, { recursive: true, encoding: "utf8" }))
    if (name.endsWith("manifest.json")) utimesSync(join(later.root, name), old, old)
  const end = new LiveRun(run.log)
  end.refresh()
  expect([end.runState, end.over]).toEqual(["stopped", true])

  // A command of this machine alone leaves nothing that goes on.
  const alone = writtenRun(join(home, "alone"))
  alone.plan()
  alone.start("target")
  alone.train("target", 0, 10, 40)
  alone.leave()
  const stopped = new LiveRun(alone.log)
  stopped.refresh()
  expect([stopped.runState, stopped.over]).toEqual(["stopped", true])
})

test("a command with several parts shows one after the other; the ended ones stay in a list with their reports", () => {
  const source = new WatchSource()
  expect(source.news()).toBeUndefined()
  expect(source.whole()).toEqual({ reset: true, past: [] })
  const [first, second] = ["first", "second"].map((name) => writtenRun(join(home, name), { run: name }))
  source.follow(first!.log)
  first!.plan()
  expect(source.news()).toMatchObject({ reset: true, snapshot: { run: { run: "first" }, of: 13 } })
  first!.end("done")
  source.follow(second!.log)
  expect(source.news()).toMatchObject({
    reset: true,
    snapshot: { run: { run: "second" }, state: "running" },
    past: [{ title: "001-quickstart / first", state: "done", report: true }],
  })
  expect(source.isOver()).toBe(false)
  expect(source.report(1)).toBeUndefined()
  second!.end("failed", "the disk is full")
  expect(source.isOver()).toBe(true)
  expect(source.end()).toMatchObject({
    over: true,
    snapshot: { state: "failed", message: "the disk is full" },
    past: [{ state: "done" }, { title: "001-quickstart / second", state: "failed", report: false }],
  })
  expect(new TextDecoder().decode(source.report(0))).toContain("The report")
})

test("every event of a log is read again as it was, and the newest log is the first", () => {
  const run = writtenRun(home)
  run.say({ _tag: "queue", text: "slurm: 3 wait" })
  run.say({ _tag: "note", text: "a note" })
  run.say({ _tag: "ended", state: "failed", message: "why" })
  const lines = readFileSync(run.log, "utf8").trimEnd().split("\n")
  expect(lines.map((text) => parsedLine(text)?.event._tag)).toEqual(["begun", "queue", "note", "ended"])
  expect(parsedLine('{"at":1,"event":{"_tag":"unknown"}}')).toBeUndefined()
  expect(logsIn(home)[0]).toBe(run.log)
  expect(logsIn(join(home, "nowhere"))).toEqual([])
})

test("of a stage's progress one line a second is written, and its last one", () => {
  const run = writtenRun(home)
  const at = { stage: "target", index: 1, of: 1, unit: "steps" }
  for (let done = 0; done <= 1000; done++) run.say({ _tag: "progress", done, total: 1000, detail: "", ...at })
  const events = readFileSync(run.log, "utf8")
    .trimEnd()
    .split("\n")
    .slice(1)
    .map((text) => parsedLine(text)!.event)
  expect(events.length).toBeLessThan(4)
  expect(events.at(-1)).toMatchObject({ done: 1000 })
})

test("a curve keeps the mean of each stretch of steps, and what a resume makes again is not there twice", () => {
  const curve = new Curve()
  for (let step = 1; step <= 1000; step++) curve.add(step, step)
  const { points } = curve
  expect(points.length).toBeLessThanOrEqual(240)
  expect(points.length).toBeGreaterThan(100)
  let before = 0
  for (const [step, loss] of points) {
    expect(loss).toBeCloseTo((before + 1 + step) / 2, 9) // The mean of the steps from the last point on.
    before = step
  }
  expect(before).toBe(1000)
  curve.cut(500)
  expect(curve.points.at(-1)![0]).toBeLessThanOrEqual(500)
  for (let step = curve.points.at(-1)![0] + 1; step <= 600; step++) curve.add(step, step)
  expect(curve.points.at(-1)![0]).toBe(600)
  expect(new Set(curve.points.map(([step]) => step)).size).toBe(curve.points.length)
})

test("a growing file is read in whole lines, and from its beginning once it is another", () => {
  const file = join(home, "growing")
  const tail = openTail(file)
  expect(tail.read()).toEqual({ lines: [], again: false })
  writeFileSync(file, "one\ntw")
  expect(tail.read()).toEqual({ lines: ["one"], again: false })
  appendFileSync(file, "o\nthree\n")
  expect(tail.read()).toEqual({ lines: ["two", "three"], again: false })
  rmSync(file)
  writeFileSync(file, "x\n")
  expect(tail.read()).toEqual({ lines: ["x"], again: true })
  const long = "y".repeat(9 << 20)
  appendFileSync(file, `${long.slice(1)}`)
  expect(tail.read().lines).toEqual([])
  appendFileSync(file, "y\nz\n")
  expect(tail.read().lines).toEqual([long, "z"])
})
