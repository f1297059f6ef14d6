import { expect, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { datasetsLayer } from "@winnow/data"
import { type } from "arktype"
import { Effect, Layer } from "effect"
import { graphOf } from "../../test/graph.ts"
import { runDistillation } from "../../test/run-distillation.ts"
import { everything, squares, tiny } from "../../test/tiny.ts"
import { arm, type Experiment } from "../experiment/define.ts"
import { resolve } from "../experiment/resolve.ts"
import { Progress } from "../progress.ts"
import { readRecord } from "../results.ts"
import { inOrder } from "../stage.ts"
import { Store } from "../store/store.ts"
import { makeRecord } from "./record.ts"
import { runRecord } from "./schema.ts"

const folder = mkdtempSync(join(tmpdir(), "winnow-record-"))
const layers = Layer.mergeAll(Store.layer(folder), datasetsLayer({ folder: undefined }), Progress.silent)
const capacity = arm({ filter: everything(), loss: squares(), steps: 8, batchSize: 4, optimizer: { warmup: 2 } })
const experiment: Experiment = { ...tiny, seeds: [1, 2], capacity }

/** The record without the artifacts of these stages. */
const recordWithout = (...labels: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const store = yield* Store
    const resolved = yield* resolve(experiment)
    const graph = yield* graphOf(resolved)
    const there = inOrder(graph.leaves).filter(({ label }) => !labels.includes(label))
    const artifacts = new Map(there.map(({ kind, key }) => [key, store.find(kind, key)!]))
    const missing = labels.map((stage) => ({ name: "behind", seed: 2, stage, message: "lost" }))
    const of = { slug: "000-tiny", part: "echo", preset: "small" }
    const made = yield* makeRecord(of, resolved, graph, graph.rollouts!, artifacts, missing, {
      commit: null,
      versions: {},
    })
    return made.record
  }).pipe(Effect.provide(layers), Effect.runPromise)

test("a record is whole: every figure with its interval and seeds, costs in all, capacity; with a missing draft it has all others", async () => {
  const finished = await Effect.runPromise(
    Effect.flatMap(resolve(experiment), (r) => runDistillation(r, { slug: "000-tiny", results: folder })).pipe(
      Effect.provide(layers),
    ),
  )
  const whole = await recordWithout()
  expect(runRecord(whole) instanceof type.errors).toBe(false)
  expect(readRecord(finished.directory)).toEqual(JSON.parse(JSON.stringify(finished.record)))
  expect(whole.rows).toEqual(finished.record.rows)
  expect(whole).toMatchObject({ schema: 3, part: "echo", preset: "small", baseline: "all", missing: [] })

  const row = (name: string, of = whole) => of.rows.find((r) => r.name === name)!
  for (const of of whole.rows) {
    const { greedyAcceptance, tau, mbsu, draftKl, speedup, byPosition, perPrompt, role, seeds } = of
    for (const figure of [greedyAcceptance, tau, mbsu, draftKl, perPrompt.tau, ...(role === "arm" ? [speedup] : [])]) {
      expect(figure.seeds).toBe(seeds.length)
      expect(figure.low!).toBeLessThanOrEqual(figure.value!)
      expect(figure.high!).toBeGreaterThanOrEqual(figure.value!)
    }
    expect(mbsu.high! / mbsu.value!).toBeCloseTo(tau.high! / tau.value!, 9)
    const c = whole.draftParameters / whole.target.parameters
    expect(mbsu.value!).toBeCloseTo(tau.value! / (2 * c + 1), 9)
    expect(of.sampledMbsu!.low!).toBeCloseTo(of.sampledTau.low! / (2 * c + 1), 9)
    expect(byPosition.map(({ position }) => position)).toEqual([1, 2])
    const tested = byPosition.reduce((sum, p) => sum + p.tested, 0)
    expect(tested).toBe(seeds.reduce((sum, s) => sum + s.byGamma.find(({ gamma }) => gamma === 2)!.testedTokens, 0))
  }
  const { kept } = row("behind")
  expect(kept!.share.value!).toBeGreaterThan(0)
  expect(kept!.share.value!).toBeLessThan(1)
  expect(row("all").kept).toBeNull()
  const [{ arm, reference, total }] = row("behind").budget as [(typeof whole.rows)[number]["budget"][number]]
  expect(total.seconds).toBe(arm.seconds + reference!.seconds)
  expect(total.tokensTrained).toBe(arm.tokensTrained + reference!.tokensTrained)
  expect(row("start").budget[0]!.total.steps).toBe(4)
  expect(whole.capacity!.points.map(({ name, steps }) => [name, steps])).toEqual([
    ["capacity, half", 4],
    ["capacity", 8],
  ])
  expect(whole.capacity!.points[0]!.draftKl.seeds).toBe(1)

  const less = await recordWithout("measure behind, seed 2")
  expect(runRecord(less) instanceof type.errors).toBe(false)
  expect(row("behind", less).seeds.map(({ seed }) => seed)).toEqual([1])
  expect(row("behind", less).greedyAcceptance.seeds).toBe(1)
  expect(row("all", less)).toEqual(row("all"))
  expect(less.differences.every(({ seeds }) => seeds.join() === "1")).toBe(true)
  expect(less.missing).toEqual([{ name: "behind", seed: 2, stage: "measure behind, seed 2", message: "lost" }])
  const tau = whole.differences.find(({ measure }) => measure === "tau")!
  expect(tau.value).toBeCloseTo(row("all").tau.value! - row("behind").tau.value!, 12)

  const gone = await recordWithout(...[1, 2].map((seed) => `measure behind, seed ${seed}`))
  expect(gone.rows.some(({ name }) => name === "behind")).toBe(false)
  expect(gone.differences).toEqual([])
  expect(runRecord({ ...whole, schema: 1 }) instanceof type.errors).toBe(true)
})
