/** Controls, steps that cost as much as another arm, and rates chosen on the validation split. */
import { expect, test } from "bun:test"
import { existsSync, mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { defineFilter, shuffled } from "@winnow/core"
import { datasetsLayer } from "@winnow/data"
import { permutation } from "@winnow/numerics"
import { type } from "arktype"
import { Effect, Layer } from "effect"
import { graphOf } from "../test/graph.ts"
import { runDistillation } from "../test/run-distillation.ts"
import { behind, everything, squares, tiny } from "../test/tiny.ts"
import { controls } from "./controls.ts"
import { arm, type Experiment } from "./experiment/define.ts"
import { resolve } from "./experiment/resolve.ts"
import { distilled } from "./experiment/spec.ts"
import { artifactOf } from "./experiment/start.ts"
import { Progress } from "./progress.ts"
import { inOrder } from "./stage.ts"
import { Store } from "./store/store.ts"

const some = defineFilter({
  name: "some",
  needs: [],
  options: type({ "+": "reject", k: "0 < number <= 1 = 0.5" }),
  make:
    ({ k }) =>
    ({ N, rng }) => {
      const kept_N = new Uint8Array(N)
      for (const n of permutation(N, rng).subarray(0, Math.max(1, Math.round(k * N)))) kept_N[n] = 1
      return kept_N
    },
})

/** `behind` with a direction. */
const ordered = defineFilter({
  name: "ordered",
  needs: ["draftLoss_N", "referenceLoss_N"],
  options: type({ "+": "reject", k: "0 < number <= 1 = 0.5", order: "'top' | 'bottom' = 'top'" }),
  make:
    ({ order }) =>
    ({ draftLoss_N, referenceLoss_N }) =>
      draftLoss_N.map((x, n) => (x > referenceLoss_N[n]! === (order === "top") ? 1 : n === 0 ? 0.5 : 0)),
})

const rates = { "optimizer.learningRate": [1e-3, 1e-2] }
const rateOf = ({ set }: { readonly set: Readonly<Record<string, unknown>> }) => set["optimizer.learningRate"] as number

const budget = { steps: 8, batchSize: 6, optimizer: { warmup: 2 } }
const reference = distilled({ filter: everything(), loss: squares(), ...budget, batchSize: 3 })
const selective = arm({ filter: ordered({ k: 0.5 }), loss: squares(), ...budget })
const filters = { all: everything(), random: some({ k: 0.5 }) }

const experiment: Experiment = {
  ...tiny,
  reference,
  arms: { ordered: selective, ...controls("ordered", selective, filters) },
  seeds: [1],
}
const settledOf = (e: Experiment) =>
  Effect.runPromise(Effect.flatMap(resolve(e), (r) => graphOf(r, () => ({ length: 14, trained: 11, examples: 12 }))))

test("controls: one arm each, made equal to the arm in what their names say", async () => {
  const { settled, measured } = await settledOf(experiment)
  const by = Object.fromEntries(settled.arms.map((a) => [a.name, a]))
  expect(Object.keys(by)).toEqual([
    "ordered",
    "all-equal-steps",
    "all-equal-passes",
    "all-equal-compute",
    "random",
    "bottom",
    "shuffled-reference",
    "from-reference",
  ])
  expect(by["all-equal-steps"]).toMatchObject({ steps: 8, batchSize: 3, filter: { name: "everything" } })
  expect(by["all-equal-passes"]).toMatchObject({ steps: 16, batchSize: 3 })
  expect(by["random"]).toMatchObject({ steps: 8, batchSize: 6, filter: { name: "some" }, reference: undefined })
  expect(by["bottom"]!.filter.options).toEqual({ k: 0.5, order: "bottom" })
  expect(by["shuffled-reference"]).toMatchObject({ filter: { name: "shuffled" }, steps: 8, batchSize: 6 })
  expect(by["shuffled-reference"]!.filter.options).toMatchObject({ of: { name: "ordered", options: { k: 0.5 } } })
  expect(by["from-reference"]).toMatchObject({
    start: { kind: "reference" },
    batchSize: 3,
    filter: { name: "everything" },
  })

  // Equal compute: the FLOPs of all work for a draft, without target and start, agree within half a step.
  const cost = (name: string) => {
    const { trained } = measured.find((m) => m.name === name)!
    const stages = inOrder([trained]).filter(({ kind }) => ["arm", "reference", "signals"].includes(kind))
    return stages.reduce((sum, { work }) => sum + work.flops!, 0)
  }
  for (const name of ["all-equal-compute", "from-reference"]) {
    const step = measured.find((m) => m.name === name)!.trained.work.flops! / by[name]!.steps
    expect(Math.abs(cost(name) - cost("ordered"))).toBeLessThanOrEqual(0.51 * step)
  }
  // The reference has the training of all-equal-steps, so both are one artifact.
  const equal = measured.find((m) => m.name === "all-equal-steps")!.trained.key
  expect(measured.find((m) => m.name === "ordered")!.reference!.key).toBe(equal)
  expect(measured.find((m) => m.name === "from-reference")!.trained.inputs.map(({ key }) => key)).toContain(equal)
})

test("controls that cannot be made are refused", () => {
  const none = arm({ filter: everything(), loss: squares(), ...budget })
  expect(() => controls("all", none, filters)).toThrow("no keep ratio k")
  const compute = arm({ filter: some(), loss: squares(), ...budget, steps: { computeOf: "x" } })
  expect(() => controls("some", compute, filters)).toThrow("expected a number")
  const other = { ...filters, random: some({ k: 0.3 }) }
  expect(() => controls("ordered", selective, other)).toThrow("keeps 0.3 of the tokens, the arm's filter 0.5")
  const unordered = arm({ filter: behind(), loss: squares(), ...budget, reference })
  expect(() => controls("behind", unordered, filters, { only: ["bottom"] })).toThrow("no option order")
  expect(Object.keys(controls("behind", unordered, filters))).not.toContain("bottom")
})

test("steps that cannot be settled are refused, with the possible arms", async () => {
  const refused = async (arms: Experiment["arms"], more: Partial<Experiment> = {}) =>
    (await Effect.runPromise(Effect.flip(resolve({ ...experiment, arms, ...more })))).message
  const all = arm({ filter: everything(), loss: squares(), ...budget })
  expect(await refused({ all, more: { ...all, steps: { computeOf: "nope" } } })).toContain("name one of all")
  expect(await refused({ more: { ...all, steps: { computeOf: "more" } } })).toContain("has no number of steps itself")
  expect(
    await refused({ all: { ...all, start: artifactOf("reference"), reference: { kind: "average", decay: 0.5 } } }),
  ).toContain("reference average is no trained model")
  expect(await refused({ all: { ...all, filter: shuffled(everything()) } })).toContain("which reads none")
  expect(await refused({ all }, { sweep: { over: rates, seed: 1 } })).toContain("sweep.seed")
  expect(await refused({ all }, { capacity: selective as never })).toContain("filter without a reference")
})

const folder = mkdtempSync(join(tmpdir(), "winnow-settle-"))
const layers = Layer.mergeAll(Store.layer(folder), datasetsLayer({ folder: undefined }), Progress.silent)
const run = (e: Experiment) =>
  Effect.runPromise(
    Effect.flatMap(resolve(e), (r) => runDistillation(r, { slug: "000-tiny", results: join(folder, "results") })).pipe(
      Effect.provide(layers),
    ),
  )

test("every control runs, and spends what it says; rates are chosen for each on the validation split", async () => {
  const { record, directory } = await run({
    ...experiment,
    sweep: { over: rates, prompts: 6 },
    capacity: arm({ filter: everything(), loss: squares(), ...budget, steps: 12 }),
  })
  const row = (name: string) => record.rows.find((r) => r.name === name)!
  expect(record.rows.map(({ role }) => role).filter((role) => role === "capacity").length).toBe(2)
  const total = (name: string) => {
    const [b] = row(name).budget
    return b!.arm.flops + (b!.reference?.flops ?? 0)
  }
  // Lengths of batches differ from the mean: by a few per cent in so short a run.
  expect(Math.abs(total("all-equal-compute") / total("ordered") - 1)).toBeLessThan(0.1)
  expect(existsSync(join(directory, "report.html"))).toBe(true)

  const { settled, leaves } = await Effect.runPromise(
    Effect.flatMap(resolve({ ...experiment, sweep: { over: rates, prompts: 6 } }), (r) =>
      graphOf(
        r,
        () => ({ length: 14, trained: 11, examples: 12 }),
        // In every trial a larger rate is better; one trial never finishes its training.
        (trials) => Effect.succeed(trials.map((t) => (t.name === "bottom" && rateOf(t) > 5e-3 ? null : rateOf(t)))),
      ),
    ),
  )
  expect(settled.sweep!.arms.map(({ name }) => name)).toEqual(["reference", ...settled.arms.map(({ name }) => name)])
  for (const { name, optimizer, reference } of settled.arms) {
    expect(optimizer.learningRate).toBe(name === "bottom" ? 1e-3 : 1e-2)
    if (reference?.kind === "distilled") expect(reference.optimizer.learningRate).toBe(1e-2)
  }
  // A look-up finds no artifact of the diverged training, and settles alike.
  const lookedUp = await Effect.runPromise(
    Effect.flatMap(resolve({ ...experiment, sweep: { over: rates, prompts: 6 } }), (r) =>
      graphOf(
        r,
        () => ({ length: 14, trained: 11, examples: 12 }),
        (trials) =>
          Effect.succeed(trials.map((t) => (t.name === "bottom" && rateOf(t) > 5e-3 ? undefined : rateOf(t)))),
      ),
    ),
  )
  expect(lookedUp.leaves.map(({ key }) => key)).toEqual(leaves.map(({ key }) => key))
  expect(settled.sweep!.arms.find(({ name }) => name === "bottom")).toEqual({
    name: "bottom",
    tried: [
      { name: "rate 0.001", set: { "optimizer.learningRate": 1e-3 }, score: 1e-3 },
      { name: "rate 0.01", set: { "optimizer.learningRate": 1e-2 }, score: null },
    ],
    chosen: { "optimizer.learningRate": 1e-3 },
    edges: ["optimizer.learningRate"],
  })
})

test("a training that stops itself loses its own row alone", async () => {
  const doomed = arm({ filter: everything(), loss: squares(), ...budget, optimizer: { learningRate: 1e30, warmup: 0 } })
  const { record, directory } = await run({ ...tiny, arms: { ...tiny.arms, doomed }, seeds: [1] })
  expect(record.rows.map(({ name }) => name)).toContain("behind")
  const text = readFileSync(join(directory, "run.json"), "utf8")
  expect(JSON.parse(text).missing).toMatchObject([{ name: "doomed", seed: 1, stage: "arm doomed, seed 1" }])
})
