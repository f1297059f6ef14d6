/** The time left of a run, by a clock of its own. */
import { expect, test } from "bun:test"
import type { PlannedPart, ProgressEvent } from "../progress.ts"
import { makeMeter } from "./meter.ts"

const part = (stage: string, kind: string, more: Partial<PlannedPart> = {}): PlannedPart => ({
  ...{ stage, kind, key: stage, unit: kind === "arm" ? "steps" : "parts" },
  ...{ flops: 0, expected: null, alone: false, after: [] },
  ...more,
})

/** A meter with a plan, and a clock. */
const metered = (stages: ReadonlyArray<PlannedPart>, slots: number | null = 1) => {
  let time = 0
  const meter = makeMeter(() => time)
  meter.add({ _tag: "planned", beginning: true, slots, stages })
  const at = (stage: string) => ({
    stage,
    index: 1,
    of: stages.length,
    unit: stages.find((of) => of.stage === stage)!.unit,
  })
  return {
    left: meter.left,
    fraction: meter.fraction,
    leftOf: meter.leftOf,
    counts: meter.counts,
    wait: (seconds: number) => {
      time += seconds
    },
    start: (stage: string) => meter.add({ _tag: "started", resuming: false, ...at(stage) }),
    progress: (stage: string, done: number, total: number) =>
      meter.add({ _tag: "progress", done, total, detail: "", ...at(stage) }),
    finish: (stage: string, seconds: number, reused = false) =>
      meter.add({ _tag: "done", reused, seconds, key: stage, ...at(stage) } satisfies ProgressEvent),
    fail: (stage: string) => meter.add({ _tag: "failed", message: "", ...at(stage) }),
  }
}

test("300 measurements take 300 times the time of earlier ones, from the beginning on", () => {
  const measures = Array.from({ length: 300 }, (_, i) => part(`measure ${i}`, "measure", { expected: 4, alone: true }))
  const run = metered([part("arm", "arm", { flops: 1e12, expected: 30 }), ...measures], 2)
  expect(run.left()).toEqual({ seconds: 1230, atLeast: false })
  run.start("arm")
  run.wait(30)
  run.finish("arm", 30)
  expect(run.left()).toEqual({ seconds: 1200, atLeast: false })
  expect(run.fraction()).toBeCloseTo(30 / 1230, 9)
})

test("without a history measurements are unknown, and the time left says so, until the first of them has ended", () => {
  const run = metered([
    part("arm", "arm", { flops: 100 }),
    part("m1", "measure"),
    part("m2", "measure"),
    part("m3", "measure"),
  ])
  expect(run.left()).toBeUndefined()
  run.start("arm")
  run.progress("arm", 0, 10)
  run.wait(10)
  run.progress("arm", 5, 10)
  expect(run.left()).toEqual({ seconds: 10, atLeast: true })
  run.wait(10)
  run.finish("arm", 20)
  expect(run.left()).toBeUndefined()
  run.start("m1")
  run.wait(6)
  run.finish("m1", 6)
  expect(run.left()).toEqual({ seconds: 12, atLeast: false })
})

test("a machine that is busier, or less busy, than in its history corrects the estimates kind by kind", () => {
  const arms = Array.from({ length: 4 }, (_, i) => part(`arm ${i}`, "arm", { flops: 10, expected: 10 }))
  const measures = Array.from({ length: 4 }, (_, i) => part(`measure ${i}`, "measure", { expected: 8 }))
  const run = metered([...arms, ...measures])
  expect(run.left()?.seconds).toBe(72)
  run.finish("arm 0", 20) // Twice as long: another program computes.
  run.finish("measure 0", 2) // A quarter: the history was made beside other programs.
  expect(run.left()?.seconds).toBe(3 * 20 + 3 * 2)
  run.fail("arm 1") // Its time tells nothing.
  expect(run.left()?.seconds).toBe(2 * 20 + 3 * 2)
  run.finish("arm 2", 1000, true) // The store had it.
  expect(run.left()?.seconds).toBe(20 + 3 * 2)
})

test("a training's own pace counts before all estimates; a measurement keeps its own, less the time that it had", () => {
  const run = metered([part("arm", "arm", { flops: 10, expected: 1000 }), part("measure", "measure", { expected: 30 })])
  run.start("arm")
  run.progress("arm", 50, 100) // Resumed in the middle.
  run.wait(10)
  run.progress("arm", 75, 100)
  expect(run.leftOf("arm")).toBe(10)
  expect(run.left()?.seconds).toBe(40)
  run.finish("arm", 20)
  run.start("measure")
  run.wait(10)
  run.progress("measure", 1, 3)
  expect(run.leftOf("measure")).toBeCloseTo(20, 9)
  run.wait(100)
  expect(run.leftOf("measure")).toBeCloseTo(3, 9) // A tenth of its estimate.
  expect(run.leftOf("arm")).toBeUndefined()
})

test("stages that are left out because of a failure take no time", () => {
  const run = metered([
    part("target", "target", { expected: 10 }),
    part("a", "arm", { expected: 10, after: ["target"] }),
    part("m", "measure", { expected: 5, after: ["a"] }),
    part("b", "arm", { expected: 10, after: ["target"] }),
  ])
  run.finish("target", 10)
  run.fail("a")
  expect(run.left()).toEqual({ seconds: 10, atLeast: false })
  run.finish("b", 10)
  expect(run.left()).toEqual({ seconds: 0, atLeast: false })
  expect(run.fraction()).toBe(1)
  expect(run.counts()).toEqual({ over: 3, of: 4 })
})

test("stages share slots but those that run alone, and no run is shorter than its longest chain", () => {
  const stages = [
    part("target", "target", { expected: 10 }),
    part("a", "arm", { expected: 10, after: ["target"] }),
    part("b", "arm", { expected: 10, after: ["target"] }),
    part("m", "measure", { expected: 5, alone: true, after: ["a"] }),
  ]
  expect(metered(stages, 1).left()?.seconds).toBe(35)
  expect(metered(stages, 2).left()?.seconds).toBe(25)
  expect(metered(stages, 3).left()?.seconds).toBe(25) // target, a, m
  expect(metered(stages, null).left()?.seconds).toBe(25)
})
