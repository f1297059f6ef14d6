import { expect, test } from "bun:test"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import type { RunRecord } from "../record/schema.ts"
import { plotPoints, plotRuns } from "./plot.ts"
import { readRun } from "./read-run.ts"

const quickstart = join(import.meta.dir, "../../../../results/001-quickstart")
const record = async () =>
  (await Effect.runPromise(readRun(join(quickstart, readdirSync(quickstart)[0]!)))).record as RunRecord

/** The same run with another k for each arm. */
const atK = (run: RunRecord, k: number): RunRecord => ({
  ...run,
  config: JSON.parse(JSON.stringify(run.config).replaceAll(/"k":[\d.]+/g, `"k":${k}`)) as RunRecord["config"],
})

test("a point is the arm minus the control in points, whichever of them the record has first", async () => {
  const run = await record()
  const points = await Effect.runPromise(plotPoints([atK(run, 0.2), atK(run, 0.6)], "filter.k", "random"))
  const arms = run.rows.filter(({ role, name }) => role === "arm" && name !== "random")
  expect(points.length).toBe(2 * 2 * arms.length)
  for (const { name, greedyAcceptance } of arms) {
    const own = points.filter(({ arm, measure }) => arm === name && measure === "greedy")
    expect(own.map(({ at }) => at)).toEqual([0.2, 0.6])
    const random = run.rows.find((row) => row.name === "random")!
    const difference = 100 * (greedyAcceptance.value! - random.greedyAcceptance.value!)
    expect(own[0]!.value).toBeCloseTo(difference, 6)
    expect(own[0]!.low).toBeLessThan(own[0]!.value)
    expect(own[0]!.high).toBeGreaterThan(own[0]!.value)
  }
})

test("a run that has its arms several times: each minus the control of its ending, once where two runs have it", async () => {
  const filters = join(import.meta.dir, "../../../../results/008-filters")
  const runOf = async (part: string) => {
    const folder = readdirSync(filters).find((name) => name.startsWith(`${part}-`))!
    return (await Effect.runPromise(readRun(join(filters, folder)))).record as RunRecord
  }
  const [gap, fifth] = [await runOf("future-gap"), await runOf("k-0.2")]
  const points = await Effect.runPromise(plotPoints([fifth, gap], "filter.k", "random"))
  const of = (name: string) =>
    points.filter(({ arm, measure }) => arm === name && measure === "greedy").toSorted((a, b) => a.at - b.at)
  expect(of("future-gap").map(({ at }) => at)).toEqual([0.2, 0.4, 0.6])
  expect(of("focus-finetune").map(({ at }) => at)).toEqual([0.2, 0.4, 0.6])
  const acceptance = (name: string) => 100 * gap.rows.find((row) => row.name === name)!.greedyAcceptance.value!
  expect(of("future-gap")[1]!.value).toBeCloseTo(acceptance("future-gap-0-4") - acceptance("random-0-4"), 6)
  // The arm without a k is of the run that has a control for all.
  expect(of("all-tokens").map(({ at }) => at)).toEqual([0.2])
  const alone = await Effect.runPromise(plotPoints([gap], "filter.k", "random"))
  expect([...new Set(alone.map(({ arm }) => arm))].toSorted()).toEqual(["focus-finetune", "future-gap"])
})

test("the picture has a panel for each arm", async () => {
  const run = await record()
  const svg = await Effect.runPromise(plotRuns([atK(run, 0.2), atK(run, 0.6)], "filter.k", "random"))
  expect(svg).toStartWith("<svg")
  for (const { name, role } of run.rows)
    expect(svg.includes(`>${name}</text>`)).toBe(role === "arm" && name !== "random")
})

test("runs that do not differ, an unknown arm, and a setting that is no number are refused", async () => {
  const run = await record()
  const refusal = (runs: ReadonlyArray<RunRecord>, over: string, other: string) =>
    Effect.runPromise(Effect.flip(plotPoints(runs, over, other))).then(({ message }) => message)
  expect(await refusal([run, run], "filter.k", "random")).toContain("all runs have the same value")
  expect(await refusal([run, run], "filter.k", "nobody")).toContain("has no such arm; it has random, all-tokens")
  expect(await refusal([run, run], "loss.kind", "random")).toContain("nothing there, expected a number")
})
