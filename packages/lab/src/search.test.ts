/** Searches over ranges: what is drawValue, what a halving trains, and what it costs. */
import { expect, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { datasetsLayer } from "@winnow/data"
import { seeded } from "@winnow/numerics"
import { Effect, Layer } from "effect"
import { graphOf } from "../test/graph.ts"
import { runDistillation } from "../test/run-distillation.ts"
import { behind, everything, squares, tiny } from "../test/tiny.ts"
import { plan } from "./estimate.ts"
import { arm, type Experiment } from "./experiment/define.ts"
import { drawValue, integer, isAtEdge, logUniform, range, uniform } from "./experiment/domain.ts"
import { limited } from "./experiment/limit.ts"
import { resolve } from "./experiment/resolve.ts"
import { applySettings } from "./experiment/settings.ts"
import { halving, randomPoints } from "./experiment/sweep.ts"
import type { Trial } from "./judge.ts"
import { Progress } from "./progress.ts"
import { renderReport } from "./report/report.ts"
import { inOrder, ownFlops, readMetrics, type Stage } from "./stage.ts"
import { Store } from "./store/store.ts"

const layersIn = (home: string) =>
  Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), Progress.silent)
const storeIn = (home: string) => Effect.runPromise(Effect.provide(Store, layersIn(home)))
const newHome = () => mkdtempSync(join(tmpdir(), "winnow-search-"))
const run = (experiment: Experiment, home: string) =>
  Effect.runPromise(
    Effect.flatMap(resolve(experiment), (r) =>
      runDistillation(r, { slug: "000-tiny", results: join(home, "results") }),
    ).pipe(Effect.provide(layersIn(home))),
  )

const over = { "optimizer.learningRate": logUniform(1e-3, 1e-1), "filter.k": uniform(0.2, 1) }
const rates = { "optimizer.learningRate": over["optimizer.learningRate"] }
const budget = { steps: 9, batchSize: 4, optimizer: { warmup: 2, learningRate: 3e-3 } }
const all = arm({ filter: everything(), loss: squares(), ...budget })
const searched: Experiment = {
  ...tiny,
  arms: { all, behind: arm({ filter: behind({ k: 0.5 }), loss: squares(), ...budget }) },
  seeds: [1],
  sweep: { over, method: halving({ draws: 4, factor: 3 }), prompts: 6 },
}

/** The graph under scores that are a function of the trial, and each call's trials. */
const settledBy = async (
  experiment: Experiment,
  scoreOf: (trial: Trial) => number | null | undefined,
  secondsOf?: (stage: Stage) => number | undefined,
) => {
  const calls: Array<ReadonlyArray<Trial>> = []
  const graph = await Effect.runPromise(
    Effect.flatMap(resolve(experiment), (r) =>
      graphOf(
        r,
        () => ({ length: 14, trained: 11, examples: 12 }),
        (trials) => {
          calls.push(trials)
          return Effect.succeed(trials.map(scoreOf))
        },
        secondsOf,
      ),
    ),
  )
  return { ...graph, calls }
}
const rateOf = ({ set }: Trial) => set["optimizer.learningRate"] as number

test("draws lie in their domain, follow from seed, path and number, and fill the range evenly in its scale", () => {
  const many = (domain: Parameters<typeof drawValue>[0], path = "a") =>
    Array.from({ length: 4000 }, (_, i) => drawValue(domain, 5, path, i) as number)
  const rates = many(logUniform(1e-4, 1e-2))
  expect(Math.min(...rates)).toBeGreaterThanOrEqual(1e-4)
  expect(Math.max(...rates)).toBeLessThanOrEqual(1e-2)
  expect(rates.filter((rate) => rate < 1e-3).length / 4000).toBeCloseTo(0.5, 1)
  expect(many(uniform(0, 1)).filter((x) => x < 0.25).length / 4000).toBeCloseTo(0.25, 1)
  const sizes = many(integer(2, 4))
  for (const n of [2, 3, 4]) expect(sizes.filter((x) => x === n).length / 4000).toBeCloseTo(1 / 3, 1)
  expect(sizes.every(Number.isInteger)).toBe(true)
  expect(many(integer(1, 64, "log")).filter((n) => n <= 8).length / 4000).toBeCloseTo(Math.log(17) / Math.log(129), 1)
  expect(new Set(many(["x", "y"] as never)).size).toBe(2)
  // By hand: 3 digits of 0.2 + u 0.8.
  const u = seeded(7, "point", "filter.k", 2).uniform()
  expect(drawValue(uniform(0.2, 1), 7, "filter.k", 2)).toBe(Number((0.2 + 0.8 * u).toPrecision(3)))
  expect(many(uniform(0, 1))).not.toEqual(many(uniform(0, 1), "b"))
  expect([isAtEdge(uniform(0, 1), 0.96), isAtEdge(uniform(0, 1), 0.9)]).toEqual([true, false])
  expect([isAtEdge(logUniform(1e-4, 1e-2), 1.2e-4), isAtEdge(logUniform(1e-4, 1e-2), 2e-4)]).toEqual([true, false])
  for (const wrong of [
    { from: 2, to: 1 },
    { from: 0, to: 1, scale: "log" },
    { from: 0.5, to: 2, whole: true },
  ])
    expect(range.allows(wrong)).toBe(false)
})

test("arms are tried at the same rates; each rung is the best of the last, and its last has the keys of whole trainings", async () => {
  const { calls, settled, trials } = await settledBy(searched, rateOf)
  // 4, then 1 point of the reference (6 steps: 2, 6), then of both arms (3, 9 steps).
  expect(calls.map((each) => each.map(({ name, rung }) => `${name} ${rung}`))).toEqual([
    Array.from({ length: 4 }, () => "reference 0"),
    ["reference 1"],
    [...Array.from({ length: 4 }, () => "all 0"), ...Array.from({ length: 4 }, () => "behind 0")],
    ["all 1", "behind 1"],
  ])
  const tried = (from: number) => calls[2]!.slice(from, from + 4).map(rateOf)
  expect(tried(0)).toEqual(tried(4))
  expect(calls[0]!.map(rateOf)).toEqual(tried(0))
  const best = Math.max(...tried(0))
  const behindArm = settled.arms.find(({ name }) => name === "behind")!
  expect(behindArm.optimizer.learningRate).toBe(best)
  expect(behindArm.reference).toMatchObject({ optimizer: { learningRate: best }, steps: 6 })
  expect(behindArm.filter.options).toEqual({ k: calls[3]![1]!.set["filter.k"] })
  expect(settled.sweep!.arms.at(-1)!.tried.map(({ rung, steps }) => [rung, steps])).toEqual([
    ...Array.from({ length: 4 }, () => [0, 3]),
    [1, 9],
  ])
  // The same points without rungs are whole trainings, of which the last rung's is one.
  const whole = await settledBy(
    { ...searched, sweep: { ...searched.sweep!, method: randomPoints({ draws: 4 }) } },
    rateOf,
  )
  const keys = new Set(whole.trials.map(({ key }) => key))
  const last = calls[3]!.map(({ judged }) => judged.key)
  expect(last.every((key) => keys.has(key))).toBe(true)
  expect(trials.filter(({ key }) => keys.has(key)).length).toBe(3)
  const labels = inOrder(trials).map(({ label }) => label)
  expect(labels).toContain(`arm all at rate ${best}, 3 of 9 steps, seed 0`)
  expect(labels).toContain(`arm all at rate ${best}, seed 0`)
  // A process that runs the last rung knows the scores of the first alone.
  const meanwhile = await settledBy(searched, (trial) => (trial.rung === 0 ? rateOf(trial) : undefined))
  expect(meanwhile.trials.map(({ key }) => key)).toEqual(trials.map(({ key }) => key))
  // A longer rung goes on from the shorter one, whose steps it does not pay again: 4 thirds and 2 thirds.
  const long = calls[3]![0]!.trained
  const ofAll = calls.flat().filter(({ name }) => name === "all")
  expect(ofAll.reduce((sum, { trained }) => sum + ownFlops(trained), 0) / long.work.flops!).toBeCloseTo(2, 6)
  expect(long.continues?.key).toBe(calls[2]!.find((trial) => rateOf(trial) === best)!.trained.key)
  // Another generator seed draws others, the same seed the same.
  const method = (seed: number) => ({ ...searched, sweep: { ...searched.sweep!, method: halving({ draws: 4, seed }) } })
  expect((await settledBy(method(0), rateOf)).calls[0]!.map(rateOf)).toEqual(tried(0))
  expect((await settledBy(method(1), rateOf)).calls[0]!.map(rateOf)).not.toEqual(tried(0))
})

test("a decayed rate, and a loss that changes over the steps, are trained anew with fewer steps", async () => {
  const decayed = { ...all, optimizer: { ...budget.optimizer, schedule: "cosine" as const } }
  const { calls } = await settledBy(
    { ...searched, arms: { decayed }, sweep: { ...searched.sweep!, over: rates } },
    rateOf,
  )
  const [short, long] = [calls[0]![0]!.trained, calls[1]![0]!.trained]
  expect(short.made["config"]).toMatchObject({ steps: 3 })
  expect(short.made["config"]).not.toHaveProperty("until")
  expect(long.continues).toBeUndefined()
})

test("a longer rung has the bits of a training without a break, and the record has what all of it cost", async () => {
  const [home, other] = [newHome(), newHome()]
  const alone: Experiment = { ...searched, arms: { all }, sweep: { ...searched.sweep!, over: rates } }
  const { record, computed } = await run(alone, home)
  expect(computed).toBeGreaterThan(0)
  const { sweep } = record
  expect(sweep!.method).toEqual({ kind: "halving", draws: 4, factor: 3, seed: 0 })
  expect(sweep!.arms.map(({ name, cost }) => [name, cost!.trials])).toEqual([["all", 5]])
  expect(sweep!.trials).toBe(5)
  expect(sweep!.seconds!).toBeGreaterThan(0)
  // 4 trainings of a third of the steps and two thirds of one more, by the mean lengths of the texts.
  const row = record.rows.find(({ name }) => name === "all")!
  const { cost, chosen } = sweep!.arms[0]!
  expect(Math.abs(cost!.flops / row.budget[0]!.arm.flops - 2)).toBeLessThan(0.2)
  const sentence = record.conclusions.find((text) => text.startsWith("Learning rates were chosen"))!
  expect(sentence).toContain("chosen from 0.001 to 0.1 (log) for each arm")
  expect(sentence).toContain("successive halving of 4 draws of generator seed 0, one point of 3 going on with 3 times")
  expect(sentence).toContain("One seed a point does not tell how far chance decides")
  // The same command again computes nothing.
  expect((await run(alone, home)).computed).toBe(0)
  const planned = Effect.flatMap(resolve(alone), plan).pipe(Effect.provide(layersIn(home)))
  expect((await Effect.runPromise(planned)).stages.every(({ state }) => state === "cached")).toBe(true)

  const unbroken = await run({ ...alone, sweep: { ...alone.sweep!, method: randomPoints({ draws: 4 }) } }, other)
  const label = `arm all at rate ${chosen["optimizer.learningRate"]}, seed 0`
  const filesOf = async (stages: typeof record.stages, from: string) => {
    const { key } = stages.find((stage) => stage.label === label)!
    const { manifest } = (await storeIn(from)).find("arm", key)!
    return {
      key,
      weights: manifest.files.find(({ path }) => path === "model.safetensors")!.sha256,
      summary: manifest.summary,
    }
  }
  const [broken, straight] = [await filesOf(record.stages, home), await filesOf(unbroken.record.stages, other)]
  expect([broken.key, broken.weights]).toEqual([straight.key, straight.weights])
  const { seconds: _, ...counts } = broken.summary as Record<string, unknown>
  const { seconds: __, ...expected } = straight.summary as Record<string, unknown>
  expect(counts).toEqual(expected)
  // It did go on: its metrics say where.
  const { directory } = (await storeIn(home)).find("arm", broken.key)!
  expect(readMetrics(directory).filter(({ _tag }) => _tag === "resumed")).toMatchObject([{ step: 3 }])
  expect(
    readMetrics(directory)
      .filter(({ _tag }) => _tag === "step")
      .map(({ step }) => step),
  ).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
  // Page: a panel for each setting, and every trial.
  const html = await renderReport(record, [])
  expect(html).toContain("Learning rates")
  expect(html).toContain("Trials of the search")
})

test("a budget holds for each arm, and one without room for a point is refused", async () => {
  const of = (sweep: object, more: object = {}) =>
    ({ ...searched, ...more, sweep: { ...searched.sweep!, ...sweep } }) as Experiment
  const method = randomPoints({ draws: 20 })
  const seeded = { seeds: [0, 7] }
  const few = await settledBy(of({ method, budget: { trials: 7 }, ...seeded }), rateOf)
  // Two seeds a point: three points.
  for (const { tried } of few.settled.sweep!.arms) expect(tried.length).toBe(3)
  const one = await settledBy(of({ method: randomPoints({ draws: 1 }) }), rateOf)
  const flops = one.calls[1]![0]!.trained.work.flops!
  const within = await settledBy(of({ over: rates, method, budget: { flops: 5.5 * flops } }, { arms: { all } }), rateOf)
  expect(within.settled.sweep!.arms.at(-1)!.tried.length).toBe(5)
  const timed = await settledBy(
    of({ over: rates, method, budget: { seconds: 100 } }, { arms: { all } }),
    rateOf,
    ({ kind }) => (kind === "arm" ? 9 : kind === "trial" ? 1 : undefined),
  )
  expect(timed.settled.sweep!.arms.at(-1)!.tried.length).toBe(10)
  await expect(settledBy(of({ budget: { trials: 1 } }), rateOf)).rejects.toThrow(
    'sweep of reference: budget {"trials":1} has no room for one point, which needs 2 trainings',
  )
  const { settled } = await settledBy(of({ method: randomPoints({ draws: 1 }) }), () => 0.5)
  expect(settled.sweep!.arms.at(-1)!.tried.length).toBe(1)
  expect(settled.arms[0]!.optimizer.learningRate).toBe(
    settled.sweep!.arms[1]!.tried[0]!.set["optimizer.learningRate"] as number,
  )
})

test("settings from outside, a smoke run, and what is refused", async () => {
  const json =
    'sweep={"over":{"optimizer.learningRate":{"from":0.001,"to":0.1,"scale":"log"}},"method":{"kind":"halving","draws":9},"budget":{"trials":12}}'
  const set = await Effect.runPromise(Effect.flatMap(applySettings(tiny, [json]), (e) => resolve(e)))
  expect(set.sweep).toMatchObject({ method: { kind: "halving", draws: 9, factor: 3, seed: 0 }, budget: { trials: 12 } })
  const smoke = await settledBy(
    limited({ ...searched, sweep: { ...searched.sweep!, budget: { seconds: 5, trials: 99 } } }, 2),
    rateOf,
  )
  expect(smoke.settled.sweep!.arms.at(-1)!.tried.map(({ steps }) => steps)).toEqual([1, 1, 2])
  const refused = async (sweep: unknown) =>
    (await Effect.runPromise(Effect.flip(resolve({ ...tiny, sweep } as Experiment)))).message
  expect(await refused({ over })).toContain("a list of values, as a grid needs; or a method, random or halving")
  expect(await refused({ over: { "filter.k": [0.5, 1] }, budget: { trials: 5 } })).toContain(
    "sweep.budget must be left out",
  )
  expect(await refused({ ...searched.sweep, seeds: [0, 2] })).toContain(
    "sweep.seeds must be none of the measured seeds [1,2] (was 2)",
  )
  expect(await refused({ ...searched.sweep, over: { "filter.k": uniform(0.2, 3) } })).toMatch(
    /arms\.behind at filter\.k .*k must be at most 1/,
  )
  expect(await refused({ ...searched.sweep, method: halving({ draws: 0 }) })).toContain("draws must be")
})
