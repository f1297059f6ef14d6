/**
 * Filters of examples: one choice, by means over an example's tokens; training reads only the chosen ones, and pays for
 * the pass.
 */
import { beforeAll, expect, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { defineFilter, taskUse } from "@winnow/core"
import { datasetsLayer } from "@winnow/data"
import { openEngine, tf } from "@winnow/tensor"
import { type } from "arktype"
import { Effect, Layer } from "effect"
import { graphOf } from "../../test/graph.ts"
import { judgedSquares, upTo } from "../../test/judged-experiment.ts"
import { behind, echo, everything, squares, tiny } from "../../test/tiny.ts"
import { arm, type Experiment } from "../experiment/define.ts"
import { fromConfig } from "../experiment/from-config.ts"
import { registryOf } from "../experiment/registry.ts"
import { resolve } from "../experiment/resolve.ts"
import { applySettings } from "../experiment/settings.ts"
import { ema } from "../experiment/spec.ts"
import { paidFor } from "../paid.ts"
import { Progress } from "../progress.ts"
import { runStages } from "../schedule/run-all.ts"
import { readMetrics } from "../stage.ts"
import { Store } from "../store/store.ts"
import { openModel } from "./models.ts"
import { readChosen } from "./selection.ts"
import { readSplit } from "./text.ts"

beforeAll(() => openEngine())

/** The means that a filter received, by its options: a test reads them. */
const seen = new Map<string, Readonly<Record<string, Float32Array>>>()
const none = type({ "+": "reject" })

const all = defineFilter({
  name: "all-examples",
  of: "examples",
  needs: [],
  options: none,
  make:
    () =>
    ({ E }) =>
      new Uint8Array(E).fill(1),
})
/** The examples with the largest excess, with all inputs that a statistic can have. */
const hardest = defineFilter({
  name: "hardest",
  of: "examples",
  needs: ["draftNll_N", "draftLoss_N", "referenceLoss_N", "acceptance_N"],
  options: type({ "+": "reject", count: "number.integer >= 1 = 4" }),
  make:
    ({ count }) =>
    ({ E, draftNll_E, draftLoss_E, referenceLoss_E, acceptance_E }) => {
      seen.set("hardest", { draftNll_E, draftLoss_E, referenceLoss_E, acceptance_E })
      const excess_E = draftLoss_E.map((x, e) => x - referenceLoss_E[e]!)
      const order = Array.from(excess_E.keys()).toSorted((a, b) => excess_E[b]! - excess_E[a]!)
      return Uint8Array.from({ length: E }, (_, e) => Number(order.indexOf(e) < count))
    },
})

const budget = { steps: 6, batchSize: 4, optimizer: { warmup: 2 } }
const plain = { filter: everything(), loss: squares(), ...budget }
const experiment: Experiment = {
  ...tiny,
  seeds: [1],
  arms: {
    plain: arm(plain),
    all: arm({ ...plain, examples: all() }),
    hardest: arm({ ...plain, examples: hardest(), reference: tiny.reference! }),
  },
  plugins: [all, hardest],
}

const home = mkdtempSync(join(tmpdir(), "winnow-selection-"))
const layers = Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), Progress.silent)
const graph = (of: Experiment) => Effect.flatMap(resolve(of), (resolved) => graphOf(resolved))

test("the stage reads the models that the statistics ask for, and no other; random choices read none", async () => {
  const { measured } = await Effect.runPromise(graph(experiment))
  const selection = (name: string) =>
    measured.find((m) => m.name === name)!.trained.inputs.find(({ kind }) => kind === "selection")
  expect(selection("plain")).toBeUndefined()
  expect(selection("all")!.inputs.map(({ kind }) => kind)).toEqual(["data"])
  expect(selection("hardest")!.inputs.map(({ kind }) => kind)).toEqual(["data", "start", "target", "arm"])
  const { trained } = measured.find((m) => m.name === "hardest")!
  expect(trained.inputs.map(({ kind }) => kind)).toEqual(["data", "start", "target", "selection"])
  expect(paidFor(trained, false).map(({ kind }) => kind)).toContain("selection")
  const again = {
    ...experiment,
    arms: { hardest: { ...experiment.arms["hardest"]!, examples: hardest({ count: 5 }) } },
  }
  const other = (await Effect.runPromise(graph(again))).measured.find((m) => m.name === "hardest")!
  expect(other.trained.key).not.toBe(trained.key)
})

test("means by example are those of a plain computation; training reads the chosen alone, and pays for the pass", async () => {
  await Effect.runPromise(
    Effect.gen(function* () {
      const { leaves, measured } = yield* graph(experiment)
      const artifacts = yield* runStages(leaves)
      const of = (name: string) => measured.find((m) => m.name === name)!
      const input = (name: string, kind: string) =>
        artifacts.get(of(name).trained.inputs.find((stage) => stage.kind === kind)!.key)!

      // -log q(gold) of the draft's start, token by token, from all logits.
      const { examples } = yield* readSplit(input("hardest", "data"), "train")
      const model = yield* openModel(input("hardest", "start"))
      const plain_E = examples.map(({ ids, promptLength }) =>
        tf.tidy(() => {
          const logits = tf.matMul(
            tf.squeeze(model.hidden(tf.tensor2d(ids.subarray(0, -1), [1, ids.length - 1], "int32")), [0]),
            model.head_Vd,
            false,
            true,
          )
          const logP = tf.logSoftmax(logits as tf.Tensor2D).arraySync() as number[][]
          const own = Array.from(ids.keys()).slice(Math.max(1, promptLength))
          return own.reduce((sum, t) => sum - logP[t - 1]![ids[t]!]!, 0) / own.length
        }),
      )
      const { draftNll_E, draftLoss_E, referenceLoss_E } = seen.get("hardest")!
      for (const [e, nll] of plain_E.entries()) expect(draftNll_E![e]).toBeCloseTo(nll, 4)

      const chosen = yield* readChosen(input("hardest", "selection"))
      expect(chosen).toHaveLength(4)
      const excess = Array.from(draftLoss_E!, (x, e) => x - referenceLoss_E![e]!)
      const least = Math.min(...chosen.map((e) => excess[e]!))
      expect(excess.filter((x) => x > least)).toHaveLength(3)

      const sequences = readMetrics(artifacts.get(of("hardest").trained.key)!.directory)
        .filter(({ _tag }) => _tag === "kept")
        .flatMap(({ sequences }) => sequences as ReadonlyArray<{ readonly gold: ReadonlyArray<number> }>)
      const letters = new Set(chosen.map((e) => examples[e]!.ids.at(-2)))
      expect(sequences.length).toBeGreaterThan(3)
      for (const { gold } of sequences) expect(letters).toContain(gold[0])

      // A choice of all examples equals no choice, bit by bit.
      const weights = (name: string) =>
        artifacts.get(of(name).trained.key)!.manifest.files.find(({ path }) => path === "model.safetensors")!.sha256
      expect(weights("all")).toBe(weights("plain"))
      expect(weights("hardest")).not.toBe(weights("plain"))
      const { summary } = input("hardest", "selection").manifest
      expect(summary).toMatchObject({ examples: 4, of: examples.length })
      expect(summary["flops"]).toBeGreaterThan(1e5)
      expect(input("all", "selection").manifest.summary).toMatchObject({ flops: 0, tokens: 0 })
    }).pipe(Effect.scoped, Effect.provide(layers)),
  )
})

test("a choice goes through JSON and --set, and is refused where it cannot work", async () => {
  const resolved = await Effect.runPromise(resolve(experiment))
  const again = await Effect.runPromise(
    Effect.flatMap(fromConfig(JSON.parse(JSON.stringify(resolved.config)), registryOf(experiment)), (e) => resolve(e)),
  )
  expect(again.config).toEqual(resolved.config)
  const set = await Effect.runPromise(
    Effect.flatMap(
      applySettings(experiment, ["arms.plain.examples=all-examples", "arms.hardest.examples.count=7"]),
      (e) => resolve(e),
    ),
  )
  expect(set.arms.map(({ config }) => config["examples"])).toMatchObject([
    { name: "all-examples" },
    { name: "all-examples" },
    { name: "hardest", options: { count: 7 } },
  ])
  expect(set.about).toBe("hardest")

  const refused = async (one: Experiment["arms"][string]) =>
    (await Effect.runPromise(Effect.flip(resolve({ ...experiment, arms: { one } })))).message
  expect(await refused({ ...plain, examples: hardest(), reference: ema({ decay: 0.9 }) })).toContain(
    "examples hardest compares the draft to a reference before the first step, and reference average is the draft itself then",
  )
  expect(await refused({ ...plain, examples: behind() as never })).toContain(
    "examples must be an examples plugin with its options (was a filter)",
  )
  const few = {
    ...experiment,
    arms: { few: arm({ ...plain, examples: hardest({ count: 3 }), reference: tiny.reference! }) },
  }
  const error = await Effect.runPromise(
    Effect.flip(
      Effect.flatMap(graph(few), ({ measured }) => runStages([measured.find(({ name }) => name === "few")!.trained])),
    ).pipe(Effect.provide(layers)),
  )
  expect(error.message).toContain("3 examples are chosen, fewer than a batch of 4; keep more of them")
})

test("a loss that asks a judge has it in the choice of examples too, and the judge is in its key", async () => {
  const asking = (last: number): Experiment => ({
    ...experiment,
    arms: { one: arm({ ...plain, loss: judgedSquares(), examples: hardest(), reference: tiny.reference! }) },
    services: { judge: upTo({ last }) },
  })
  const selection = (of: Experiment) =>
    Effect.map(
      graph(of),
      ({ measured }) =>
        measured.find(({ name }) => name === "one")!.trained.inputs.find(({ kind }) => kind === "selection")!,
    )
  const losses = await Effect.runPromise(
    Effect.gen(function* () {
      const [liked, not] = [yield* selection(asking(103)), yield* selection(asking(0))]
      expect(liked.key).not.toBe(not.key)
      yield* runStages([liked])
      const twice = seen.get("hardest")!["draftLoss_E"]!.slice()
      yield* runStages([not])
      return [twice, seen.get("hardest")!["draftLoss_E"]!]
    }).pipe(Effect.provide(layers)),
  )
  for (const [e, twice] of losses[0]!.entries()) expect(twice / losses[1]![e]!).toBeCloseTo(2, 4)
})

test("a score of states gets the target's states of the general text, then those of each example, at its valid tokens", async () => {
  const general: Array<Float32Array> = []
  const far = defineFilter({
    name: "far",
    of: "examples",
    needs: [],
    options: type({ "+": "reject", general: taskUse, tokens: "number = 25" }),
    // The mean over the example's states of the first entry, and their number behind the point.
    states: ({ general: task, tokens }) => ({
      general: task,
      tokens,
      fit: (h_Gd, G, d) => {
        general.push(h_Gd.slice())
        expect(h_Gd.length).toBe(G * d)
        return (h_nd, n) => h_nd.reduce((sum, x, i) => (i % d === 0 ? sum + x / n : sum), 0) + n
      },
    }),
    make:
      () =>
      ({ score_E }) => {
        seen.set("far", { score_E })
        return Uint8Array.from(score_E, (_, e) => Number(e < 5))
      },
  })
  const text = echo({ letters: 3 })
  const of: Experiment = {
    ...experiment,
    seeds: [1, 2],
    arms: { far: arm({ ...plain, examples: far({ general: text }) }) },
  }
  await Effect.runPromise(
    Effect.gen(function* () {
      const { measured, target, data } = yield* graph(of)
      const { trained } = measured.find(({ name }) => name === "far")!
      const selection = trained.inputs.find(({ kind }) => kind === "selection")!
      expect(selection.inputs.map(({ kind }) => kind)).toEqual(["data", "selection"])
      const scores = selection.inputs[1]!
      expect(scores.inputs.map(({ kind }) => kind)).toEqual(["data", "target", "data"])
      expect(scores.inputs[1]!.key).toBe(target.key)
      expect(scores.inputs[2]!.key).not.toBe(data.key)
      // The second seed has a choice of its own, and the same scores.
      const other = measured.find(({ name, seed }) => name === "far" && seed === 2)!.trained.inputs
      const choice = other.find(({ kind }) => kind === "selection")!
      expect([choice.key === selection.key, choice.inputs[1]!.key === scores.key]).toEqual([false, true])
      expect(paidFor(trained, false).map(({ label }) => label)).toContain("scores of states for far")
      const artifacts = yield* runStages([selection])
      const model = yield* openModel(artifacts.get(target.key)!)
      const statesOf = (ids: Int32Array, promptLength: number) =>
        tf.tidy(() => {
          const h = model.hidden(tf.tensor2d(ids.subarray(0, -1), [1, ids.length - 1], "int32"))
          return (h.arraySync() as number[][][])[0]!.slice(promptLength - 1)
        })
      const read = (stage: (typeof selection.inputs)[number]) => readSplit(artifacts.get(stage.key)!, "train")
      const { examples } = yield* read(data)
      for (const [e, { ids, promptLength }] of examples.entries()) {
        const states = statesOf(ids, promptLength)
        expect(states).toHaveLength(ids.length - promptLength)
        const expected = states.reduce((sum, [first]) => sum + first! / states.length, 0) + states.length
        expect(seen.get("far")!["score_E"]![e]!).toBeCloseTo(expected, 4)
      }
      // 25 of the 33 states of three examples of eleven tokens.
      const others = yield* read(scores.inputs[2]!)
      const first = others.examples.flatMap(({ ids, promptLength }) => statesOf(ids, promptLength)).slice(0, 25)
      for (const [i, x] of first.flat().entries()) expect(general[0]![i]!).toBeCloseTo(x, 4)
      expect(artifacts.get(selection.key)!.manifest.summary).toMatchObject({ examples: 5, of: examples.length })
      const { summary } = artifacts.get(scores.key)!.manifest
      expect(summary).toMatchObject({ examples: examples.length, general: 25 })
      expect(summary["flops"]).toBeGreaterThan(0)
    }).pipe(Effect.scoped, Effect.provide(layers)),
  )
})
