/**
 * Objectives of trainings: part of keys and configs, tried before any work, refused with caches that they would make
 * wrong.
 */
import { expect, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { defineObjective, nextTokenProblem } from "@winnow/core"
import { datasetsLayer } from "@winnow/data"
import { masked } from "@winnow/objective-masked"
import { nextToken } from "@winnow/objective-next-token"
import { type } from "arktype"
import { Effect, Layer } from "effect"
import { graphOf } from "../test/graph.ts"
import { runDistillation } from "../test/run-distillation.ts"
import { behind, everything, squares, tiny } from "../test/tiny.ts"
import { arm, type Experiment } from "./experiment/define.ts"
import { fromConfig } from "./experiment/from-config.ts"
import { registryOf } from "./experiment/registry.ts"
import { resolve } from "./experiment/resolve.ts"
import { applySettings } from "./experiment/settings.ts"
import { tryPlugins } from "./preflight/try-plugins.ts"
import { Progress } from "./progress.ts"
import { inOrder } from "./stage.ts"
import { Store } from "./store/store.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-objectives-"))
const layers = Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), Progress.silent)
const common = { filter: everything(), loss: squares(), steps: 3, batchSize: 4, optimizer: { warmup: 2 } }
const experiment: Experiment = {
  ...tiny,
  arms: {
    all: arm(common),
    named: arm({ ...common, objective: nextToken() }),
    hidden: arm({ ...common, objective: masked({ maskId: 0, rate: { from: 0.5, to: 0.2 } }) }),
  },
  seeds: [1],
}
const resolved = (...settings: ReadonlyArray<string>) =>
  Effect.flatMap(applySettings(experiment, ["target.pretraining.steps=6", ...settings]), (e) => resolve(e))
const keysOf = async (of: Experiment) => {
  const graph = await Effect.runPromise(Effect.flatMap(resolve(of), graphOf).pipe(Effect.provide(layers)))
  return new Map(inOrder(graph.leaves).map(({ label, key }) => [label, key]))
}
const refused = async (program: Effect.Effect<unknown, { readonly message: string }>) =>
  (await Effect.runPromise(Effect.flip(program))).message

test("the objective and its options are in the key; an experiment rebuilt from its config has the same", async () => {
  const keys = await keysOf(experiment)
  const [all, named, hidden] = ["all", "named", "hidden"].map((name) => keys.get(`arm ${name}, seed 1`))
  expect(new Set([all, named, hidden]).size).toBe(3)
  const changed = await Effect.runPromise(applySettings(experiment, ["arms.hidden.objective.rate=0.4"]))
  expect((await keysOf(changed)).get("arm hidden, seed 1")).not.toBe(hidden)
  const { config } = await Effect.runPromise(resolve(experiment))
  const again = await Effect.runPromise(fromConfig(JSON.parse(JSON.stringify(config)), registryOf(experiment)))
  expect(await keysOf(again)).toEqual(keys)
})

test("a run with the next token named trains the same weights; a masked arm sees other rows", async () => {
  const { record } = await Effect.runPromise(
    Effect.flatMap(resolved(), (use) =>
      runDistillation(use, { slug: "000-objectives", results: join(home, "results") }),
    ).pipe(Effect.provide(layers)),
  )
  const weights = (name: string) => record.weights.find((w) => w.name === name)!.sha256
  expect(weights("named")).toBe(weights("all"))
  const budget = (name: string) => record.rows.find((row) => row.name === name)!.budget[0]!.arm
  expect(budget("named").tokensValid).toBe(budget("all").tokensValid)
  // At rates of 0.5 to 0.2 of the answers.
  expect(budget("hidden").tokensValid).toBeLessThan(budget("all").tokensValid * 0.5)
  expect(budget("hidden").tokensSeen).toBeGreaterThan(budget("all").tokensSeen)
  // 3 steps of 4 of the 12 examples are one pass, for any number of rows.
  expect(budget("hidden").passes).toBe(1)
  expect(budget("all").passes).toBeCloseTo(1, 1)
})

test("a filter on the rows of an objective divides no text of next tokens", async () => {
  const chosen = { ...common, filter: behind(), reference: tiny.reference! }
  const objective = masked({ maskId: 0, rate: 0.5 })
  const arms = { behind: arm(chosen), hidden: arm({ ...chosen, objective }) }
  const { measured } = await Effect.runPromise(
    Effect.flatMap(resolve({ ...experiment, arms }), graphOf).pipe(Effect.provide(layers)),
  )
  const kept = (name: string) => measured.find((m) => m.name === name)!.kept
  expect(kept("behind")).toBeDefined()
  expect(kept("hidden")).toBeUndefined()
})

test("the cost before a run is of the rows that an objective has", async () => {
  const whole = arm({ ...common, objective: masked({ maskId: 0, of: "all", rate: { from: 0.5, to: 0.2 } }) })
  const arms = { ...experiment.arms, whole }
  const graph = await Effect.runPromise(
    Effect.flatMap(resolve({ ...experiment, arms }), graphOf).pipe(Effect.provide(layers)),
  )
  const flops = (name: string) =>
    inOrder(graph.leaves).find(({ label }) => label === `arm ${name}, seed 1`)!.work.flops!
  expect(flops("named")).toBe(flops("all"))
  expect(flops("hidden")).toBeLessThan(flops("all"))
  expect(flops("whole")).toBeGreaterThan(flops("hidden"))
})

test("caches of signals are refused for an objective that does not repeat", async () => {
  const message = await refused(resolved('arms.hidden.signals={"target":"full"}'))
  expect(message).toContain("arms.hidden: objective masked makes another problem of an example each time it comes")
  expect(message).toContain("set signals.target to live")
  await Effect.runPromise(resolved('arms.named.signals={"target":"full"}'))
})

test("an objective is tried before any work, in pretraining too", async () => {
  const wrong = defineObjective({
    name: "wrong",
    repeats: false,
    reads: "before",
    options: type({ "+": "reject" }),
    make:
      () =>
      ({ examples, padId }) => {
        const problem = nextTokenProblem(examples, padId)
        return { ...problem, gold_N: problem.gold_N.map((id) => (id + 1) % 257) }
      },
  })
  const of = (e: Experiment) => Effect.flatMap(resolve(e), tryPlugins)
  const message = await refused(of({ ...experiment, arms: { all: arm({ ...common, objective: wrong() }) } }))
  expect(message).toMatch(/arms\.all: objective wrong: gold_N\[\d+\] is \d+; token \d+ of its example is/)
  expect(
    await refused(
      Effect.flatMap(
        resolved('draft.start.pretraining.objective={"name":"masked","options":{"maskId":900}}'),
        tryPlugins,
      ),
    ),
  ).toMatch(/draft\.start\.pretraining: objective masked: .* is 900; the model has ids 0 to 256/)
  expect(await Effect.runPromise(of(experiment))).toEqual([
    expect.stringContaining(
      "arms.hidden: objective masked has tokens predicted from those behind them too, and llama attends",
    ),
  ])
})

test("a value that is no objective is refused with its place", async () => {
  expect(await refused(resolved("arms.all.objective=sideways"))).toContain(
    'no objective "sideways" here; there are next-token, masked',
  )
  expect(
    await refused(resolve({ ...experiment, arms: { all: arm({ ...common, objective: nextToken as never }) } })),
  ).toContain("an objective plugin with its options: call it, next-token({ ... })")
})
