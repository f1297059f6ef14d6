/** The search for settings over any path of an arm, by any of its measures. */
import { expect, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { defineMeasure } from "@winnow/core"
import { datasetsLayer } from "@winnow/data"
import { llama } from "@winnow/model-llama"
import { loadDecoder, logitsOf } from "@winnow/models"
import { logSoftmax } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { Effect, Layer } from "effect"
import { graphOf } from "../test/graph.ts"
import { runDistillation } from "../test/run-distillation.ts"
import { behind, everything, squares, tiny } from "../test/tiny.ts"
import { plan } from "./estimate.ts"
import { arm, type Experiment } from "./experiment/define.ts"
import { fromConfig } from "./experiment/from-config.ts"
import { pointsOf } from "./experiment/points.ts"
import { registryOf } from "./experiment/registry.ts"
import { ofArms, resolve } from "./experiment/resolve.ts"
import { applySettings } from "./experiment/settings.ts"
import { artifactOf, fresh } from "./experiment/start.ts"
import { lora } from "./experiment/training-spec.ts"
import { Progress } from "./progress.ts"
import { chooseBest } from "./search/choose.ts"
import { inOrder } from "./stage.ts"
import { readSplit } from "./stages/text.ts"
import { Store } from "./store/store.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-sweep-"))
const layers = Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), Progress.silent)
const run = (experiment: Experiment) =>
  Effect.runPromise(
    Effect.flatMap(resolve(experiment), (r) =>
      runDistillation(r, { slug: "000-tiny", results: join(home, "results") }),
    ).pipe(Effect.provide(layers)),
  )

const over = { "optimizer.learningRate": [1e-2, 1e-3], "filter.k": [1, 0.25, 0.5] }
const searched: Experiment = { ...tiny, seeds: [1], sweep: { over, prompts: 6 } }

test("k and the learning rate are searched together: each training at the points that it has, the best is trained", async () => {
  const { record } = await run(searched)
  const sweep = record.sweep!
  expect([sweep.by, sweep.dataset, sweep.prompts, sweep.seed]).toEqual(["greedyAcceptance", "echo/validation", 6, 0])
  expect(sweep.arms.map(({ name, tried }) => [name, tried.length])).toEqual([
    ["reference", 2],
    ["all", 2],
    ["behind", 6],
  ])
  const chosen = sweep.arms.at(-1)!
  expect(chosen.tried.map(({ name }) => name)).toEqual([
    "rate 0.001, filter.k 0.25",
    "rate 0.001, filter.k 0.5",
    "rate 0.001, filter.k 1",
    "rate 0.01, filter.k 0.25",
    "rate 0.01, filter.k 0.5",
    "rate 0.01, filter.k 1",
  ])
  const best = Math.max(...chosen.tried.map(({ score }) => score!))
  expect(chosen.chosen).toEqual(chosen.tried.find(({ score }) => score === best)!.set)
  const { k, rate } = { k: chosen.chosen["filter.k"], rate: chosen.chosen["optimizer.learningRate"] }
  expect(record.rows.find(({ name }) => name === "behind")).toMatchObject({
    filter: { name: "behind", options: { k } },
    learningRate: rate as number,
  })
  // The config has the requested values; the figures belong to the chosen ones.
  expect(record.config["arms"]).toMatchObject({ behind: { filter: { options: { k: 0.5 } } } })
  const trials = record.stages.filter(({ kind }) => kind === "trial").map(({ label }) => label)
  expect(trials).toContain("try behind, rate 0.01, filter.k 0.25")
  expect(trials).toContain("try reference, rate 0.001")
  // The reference and the arm on all tokens are one training.
  expect(new Set(trials).size).toBe(8)
  expect(sweep.flops).toBeGreaterThan(0)
  const sentence = record.conclusions.find((text) => text.startsWith("Settings were chosen"))!
  expect(sentence).toContain(
    "from optimizer.learningRate at 0.001, 0.01 and filter.k at 0.25, 0.5, 1 for each arm and reference by greedy acceptance",
  )
  expect(sentence).toContain("a search of all settings that each has")
  expect((await run(searched)).computed).toBe(0)
  const planned = Effect.flatMap(resolve(searched), plan).pipe(Effect.provide(layers))
  expect((await Effect.runPromise(planned)).stages.every(({ state }) => state === "cached")).toBe(true)
})

test("of several arms to be compared to, the baseline is the best by the search, and a sentence says so", async () => {
  const arms = { ...tiny.arms, third: arm({ filter: everything(), loss: squares(), ...budget }) }
  const experiment = { ...searched, arms, about: "third", against: ["all", "behind"] } as Experiment
  const { record } = await run(experiment)
  const best = (name: string) => {
    const { tried, chosen } = record.sweep!.arms.find((one) => one.name === name)!
    return tried.find(({ set }) => JSON.stringify(set) === JSON.stringify(chosen))!.score!
  }
  const expected = best("behind") > best("all") ? "behind" : "all"
  expect(record.baseline).toBe(expected)
  expect(record.verdict).toContain(`third minus ${expected}`)
  expect(record.conclusions).toContain(
    `The baseline is ${expected}: of all and behind its best point of the search had the highest score.`,
  )
  const again = await run({ ...experiment, against: "behind" })
  expect(again.record.baseline).toBe("behind")
  expect(again.record.run).not.toBe(record.run)
})

test("a search by the loss takes the lowest, and its figure is that of dense logits", async () => {
  const byLoss: Experiment = { ...searched, sweep: { over: { "filter.k": [0.25, 1] }, by: "loss", prompts: 5 } }
  const { record } = await run(byLoss)
  const [all, chosen] = record.sweep!.arms.slice(-2)
  expect(all).toEqual({ name: "all", tried: [], chosen: {}, edges: [] })
  expect(chosen!.edges).toEqual(["filter.k"])
  const scores = chosen!.tried.map(({ score }) => score!)
  expect(chosen!.chosen).toEqual(chosen!.tried[scores.indexOf(Math.min(...scores))]!.set)

  const resolved = await Effect.runPromise(resolve(byLoss))
  const { trials, data } = await Effect.runPromise(graphOf(resolved))
  const store = await Effect.runPromise(Effect.provide(Store, layers))
  const trial = trials.find(({ label }) => label === "try behind, filter.k 0.25")!
  const draft = inOrder([trial]).find(({ label }) => label === "arm behind at filter.k 0.25, seed 0")!
  const model = await Effect.runPromise(loadDecoder(store.find(draft.kind, draft.key)!.directory, [llama]))
  const { examples } = await Effect.runPromise(readSplit(store.find(data.kind, data.key)!, "validation"))
  let [sum, tokens] = [0, 0]
  for (const { ids, promptLength } of examples.slice(0, 5)) {
    const rows = tf.tidy(() => logitsOf(model, tf.tensor2d(ids, [1, ids.length], "int32")).arraySync()[0]!)
    for (let t = promptLength; t < ids.length; t++, tokens++)
      sum -= logSoftmax(Float64Array.from(rows[t - 1]!))[ids[t]!]!
  }
  model.dispose()
  expect(scores[0]).toBeCloseTo(sum / tokens, 5)
  expect(store.find(trial.kind, trial.key)!.manifest.summary["testedTokens"]).toBe(tokens)
})

test("a search under two seeds scores a point by their mean and tells its noise; each seed's scores are those of it alone", async () => {
  const grid = { over: { "filter.k": [0.25, 1] }, by: "loss" as const, prompts: 5 }
  const both = (await run({ ...searched, sweep: { ...grid, seeds: [0, 7] } })).record
  const alone = (await run({ ...searched, sweep: { ...grid, seed: 7 } })).record
  const [arm, of7] = [both.sweep!.arms.at(-1)!, alone.sweep!.arms.at(-1)!]
  expect([both.sweep!.seeds, alone.sweep!.seeds]).toEqual([[0, 7], undefined])
  const scores = arm.tried.map((point) => point.scores!)
  expect(scores.map(([, seven]) => seven)).toEqual(of7.tried.map(({ score }) => score))
  expect(of7).not.toHaveProperty("noise")
  for (const { score, scores } of arm.tried) expect(score).toBe((scores![0]! + scores![1]!) / 2)
  // Two points under two seeds: half of what the seeds disagree on.
  const [[a, b], [c, d]] = scores as unknown as [[number, number], [number, number]]
  expect(arm.noise!).toBeCloseTo(Math.abs(a - b - c + d) / 2, 12)
  const trials = both.stages.filter(({ kind }) => kind === "trial").map(({ label }) => label)
  expect(trials).toContain("try behind, filter.k 0.25, seed 7")
  const sentence = both.conclusions.find((text) => text.startsWith("Settings were chosen"))!
  expect(sentence).toContain("(5 prompts, seeds 0, 7)")
  expect(sentence).toContain("Two points of a search differ by chance with a standard error of")
  await expect(run({ ...searched, sweep: { ...grid, seeds: [3] } })).rejects.toThrow("two seeds or more, all different")
})

test("a search by expected acceptance runs on the target's sampled texts", async () => {
  const { record } = await run({
    ...searched,
    sweep: { over: { "optimizer.learningRate": [1e-2, 1e-3] }, by: "expectedAcceptance", prompts: 6 },
  })
  for (const { tried } of record.sweep!.arms)
    for (const { score } of tried) {
      expect(score!).toBeGreaterThan(0)
      expect(score!).toBeLessThan(1)
    }
  expect(record.conclusions.join(" ")).toContain("Learning rates were chosen from 0.001, 0.01")
})

test("a measure of a plugin chooses too, by its own better end", async () => {
  const size = defineMeasure({
    name: "size",
    reads: ["model"],
    better: "lower",
    options: type({ "+": "reject", power: "1 | 2 = 1" }),
    make:
      ({ power }) =>
      ({ model, examples }) =>
        examples.map(() => [tf.tidy(() => tf.mean(tf.pow(tf.abs(model.head_Vd), power)).dataSync()[0]!), 1]),
  })
  const rates = { "optimizer.learningRate": [1e-3, 1e-2] }
  const experiment: Experiment = { ...searched, sweep: { over: rates, by: size({ power: 2 }), prompts: 3 } }
  const { record } = await run(experiment)
  expect([record.sweep!.by, record.sweep!.better]).toEqual(["size", "lower"])
  for (const { tried, chosen } of record.sweep!.arms) {
    const scores = tried.map(({ score }) => score!)
    expect(new Set(scores).size).toBe(2)
    expect(chosen).toEqual(tried[scores.indexOf(Math.min(...scores))]!.set)
  }
  expect(record.conclusions.join(" ")).toContain("by size on echo/validation (3 prompts, seed 0)")
  // The config names the measure with its options, and reads back unchanged.
  expect(record.config["sweep"]).toMatchObject({ by: { kind: "measure", name: "size", options: { power: 2 } } })
  const config = JSON.parse(JSON.stringify(record.config))
  const again = Effect.flatMap(fromConfig(config, registryOf(experiment)), (e) => resolve(e))
  expect((await Effect.runPromise(again)).config).toEqual(config)
})

test("of equal scores the first point counts, whose numbers are the smallest; of none known the middle", async () => {
  const tried = pointsOf(arm({ filter: behind({ k: 0.5 }), loss: squares(), ...budget }), { over }, ofArms).map(
    ({ set, name }) => ({ set, name, score: 0.5 as number | null, known: true }),
  )
  const best = (points: typeof tried, better: "higher" | "lower" = "higher") =>
    Effect.runPromise(chooseBest("behind", better, points))
  expect((await best(tried)).chosen).toEqual({ "optimizer.learningRate": 1e-3, "filter.k": 0.25 })
  const one = tried.map((point, i) => ({ ...point, score: i === 4 ? 0.4 : point.score }))
  expect((await best(one, "lower")).chosen).toEqual(tried[4]!.set)
  expect((await best(one, "lower")).edges).toEqual(["optimizer.learningRate"])
  const unknown = tried.map((point) => ({ ...point, score: null, known: false }))
  expect((await best(unknown)).chosen).toEqual({ "optimizer.learningRate": 1e-2, "filter.k": 0.5 })
  const stopped = tried.map((point) => ({ ...point, score: null }))
  const { message } = await Effect.runPromise(Effect.flip(chooseBest("behind", "higher", stopped)))
  expect(message).toContain("sweep of behind: no training came to a score, tried were rate 0.001, filter.k 0.25;")
})

const budget = { steps: 4, batchSize: 4, optimizer: { warmup: 2, learningRate: 3e-3 } }

test("an arm that begins with another, or costs what another costs, is searched after it", async () => {
  const chain: Experiment = {
    ...searched,
    arms: {
      more: arm({ filter: everything(), loss: squares(), ...budget, start: artifactOf({ arm: "first" }) }),
      first: arm({ filter: behind({ k: 0.5 }), loss: squares(), ...budget }),
      equal: arm({ filter: everything(), loss: squares(), ...budget, steps: { computeOf: "first" } }),
    },
  }
  const seen: Array<ReadonlyArray<string>> = []
  const { settled, measured } = await Effect.runPromise(
    Effect.flatMap(resolve(chain), (r) =>
      graphOf(
        r,
        () => ({ length: 14, trained: 11, examples: 12 }),
        (trials) => {
          seen.push([...new Set(trials.map(({ name }) => name))])
          return Effect.succeed(trials.map(({ set }) => (set["filter.k"] as number | undefined) ?? 0))
        },
      ),
    ),
  )
  expect(seen).toEqual([["reference"], ["first"], ["more", "equal"]])
  expect(settled.arms.map(({ name }) => name)).toEqual(["more", "first", "equal"])
  expect(settled.sweep!.arms.map(({ name }) => name)).toEqual(["reference", "more", "first", "equal"])
  const [more, first, equal] = settled.arms
  expect(first!.filter.options).toEqual({ k: 1 })
  const of = (name: string) => measured.find((m) => m.name === name)!.trained
  expect(of("more").inputs.map(({ key }) => key)).toContain(of("first").key)
  // Steps pay for the arm with its chosen k: a k of 1 costs more than one of 0.5.
  const { sweep: _, ...plain } = chain
  const unsearched = await Effect.runPromise(
    Effect.flatMap(resolve(plain), (r) => graphOf(r, () => ({ length: 14, trained: 11, examples: 12 }))),
  )
  expect(more!.start).toEqual({ kind: "arm", arm: "first" })
  expect(equal!.steps).toBeGreaterThan(unsearched.settled.arms[2]!.steps)
})

test("settings that are objects have their defaults; a reference is tried for any start of its arm", async () => {
  const optimizers = [{ learningRate: 1e-3, warmup: 1 }, { learningRate: 1e-2 }]
  const own = arm({
    ...{ filter: everything(), loss: squares(), ...budget },
    start: fresh(llama({ vocab_size: 257, hidden_size: 8, num_hidden_layers: 2, num_attention_heads: 2 })),
    adapters: lora({ rank: 1, alpha: 2, on: ["model.layers.1.*"] }),
  })
  const experiment: Experiment = {
    ...searched,
    arms: { own, behind: tiny.arms["behind"]! },
    sweep: { over: { optimizer: optimizers } },
  }
  const resolved = await Effect.runPromise(resolve(experiment))
  const found = await Effect.runPromise(
    graphOf(resolved, undefined, (trials) => Effect.succeed(trials.map((_, i) => i))),
  )
  const defaults = resolved.arms[0]!.optimizer
  for (const { optimizer } of found.settled.arms)
    expect(optimizer).toEqual({ ...defaults, warmup: 50, ...optimizers[1] })
  const trial = inOrder(found.trials).find(
    ({ label }) => label === `arm own at optimizer ${JSON.stringify(optimizers[0])}, seed 0`,
  )!
  expect(trial.made["config"]).toMatchObject({ optimizer: { ...defaults, ...optimizers[0] } })
})

test("a search that reaches nothing, or a point that cannot be, is refused before any work", async () => {
  const refused = async (sweep: unknown) =>
    (await Effect.runPromise(Effect.flip(resolve({ ...tiny, sweep } as Experiment)))).message
  expect(await refused({ over: { "filter.q": [1, 2] } })).toBe(
    "experiment tiny, sweep.over: no arm and no reference has a setting filter.q; name one as --set does inside an arm, such as " +
      "optimizer.learningRate, filter.k or steps (a plugin is no setting: make an arm of each)",
  )
  expect(await refused({ over: { filter: ["behind", "everything"] } })).toContain("has a setting filter;")
  expect(await refused({ over: { filter: [behind(), everything()] } })).toContain(
    "filter with plain values (make an arm of each plugin) (was filter behind among them)",
  )
  expect(await refused({ over: { name: ["a", "b"] } })).toContain("has a setting name;")
  expect(await refused({ over: { "filter.k": [0.5, 7] } })).toMatch(
    /arms\.behind at filter\.k 7: .*k must be at most 1 \(was 7\)/,
  )
  expect(await refused({ over: { batchSize: [4, 0] } })).toMatch(/batchSize 0: batchSize must be .*1 \(was 0\)/)
  expect(await refused({ over: {} })).toContain("at least one path")
  expect(await refused({ over: { "filter.k": [0.5] } })).toContain("filter.k with two values or more, all different")
  expect(await refused({ over: { "filter..k": [0.5, 1] } })).toContain("paths inside an arm, such as filter.k")
  expect(await refused({ over, by: "speed" })).toContain("sweep.by must be")
  const set = applySettings(tiny, ['sweep={"over":{"filter.k":[0.5,1]},"prompts":4}', "sweep.by=loss"])
  const accepted = await Effect.runPromise(Effect.flatMap(set, (e) => resolve(e)))
  expect(accepted.sweep).toEqual({ over: { "filter.k": [0.5, 1] }, by: "loss", seed: 0, prompts: 4 })
  // None of the selected arms has k: the search is smaller.
  const some = await Effect.runPromise(Effect.flatMap(set, (e) => resolve(e, { arms: ["all"] })))
  expect(some.arms.map(({ name }) => name)).toEqual(["all"])
  expect(await refused({ over, seed: 1 })).toContain("sweep.seed must be none of the measured seeds [1,2] (was 1)")
})
