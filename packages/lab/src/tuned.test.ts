/** A target that was fine-tuned, and an arm with a target of its own: the base draft is made for the base, then adapted. */
import { expect, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { datasetsLayer } from "@winnow/data"
import { Effect, Layer } from "effect"
import { graphOf } from "../test/graph.ts"
import { runDistillation } from "../test/run-distillation.ts"
import { echo, everything, squares, tiny, tinyModel } from "../test/tiny.ts"
import { arm, type Experiment } from "./experiment/define.ts"
import { fromConfig } from "./experiment/from-config.ts"
import { limited } from "./experiment/limit.ts"
import { registryOf } from "./experiment/registry.ts"
import { resolve } from "./experiment/resolve.ts"
import { applySettings } from "./experiment/settings.ts"
import { distilled } from "./experiment/spec.ts"
import { artifactOf, fresh, layersOf, tuned } from "./experiment/start.ts"
import { taskText, written } from "./experiment/text.ts"
import { privatePart } from "./experiment/training-spec.ts"
import { Progress } from "./progress.ts"
import { inOrder } from "./stage.ts"
import { Store } from "./store/store.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-tuned-"))
const layers = Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), Progress.silent)

const general = taskText(echo({ letters: 20 }))
const base = fresh(tinyModel(16), { steps: 6, batchSize: 4, text: general, optimizer: { warmup: 2 } })
const budget = { filter: everything(), loss: squares(), steps: 3, batchSize: 2, optimizer: { warmup: 1 } }
const { reference: _, ...rest } = tiny
const experiment: Experiment = {
  ...rest,
  target: tuned(base, { steps: 4, batchSize: 4, optimizer: { warmup: 2 } }),
  draft: { start: fresh(tinyModel(8)) },
  arms: {
    base: arm({ ...budget, target: base, text: general }),
    adapted: arm({
      ...budget,
      start: artifactOf({ arm: "base" }),
      adapters: privatePart({ size: 2 }),
      text: written({ by: "target", prompts: 4, maxNew: 6, keep: "all" }),
    }),
  },
  seeds: [1],
}
const run = <A, E>(effect: Effect.Effect<A, E, Layer.Success<typeof layers>>) =>
  Effect.runPromise(effect.pipe(Effect.provide(layers)))
const resolved = (of: Experiment, ...settings: ReadonlyArray<string>) =>
  Effect.flatMap(applySettings(of, settings), (e) => resolve(e))
const refused = async (of: Experiment, ...settings: ReadonlyArray<string>) =>
  (await run(Effect.flip(Effect.flatMap(resolved(of, ...settings), graphOf)))).message
const keysOf = async (of: Experiment) => {
  const graph = await run(Effect.flatMap(resolve(of), graphOf))
  return inOrder(graph.leaves).map(({ label, key }) => [label, key])
}

test("the base target is one artifact: an arm distils from it, the tuned target begins with it, and writes the text", async () => {
  const graph = await run(Effect.flatMap(resolve(experiment), graphOf))
  const stage = (label: string) => inOrder(graph.leaves).find((one) => one.label === label)!
  const [baseArm, adapted] = ["arm base, seed 1", "arm adapted, seed 1"].map(stage)
  const ofBase = baseArm!.inputs.find(({ kind }) => kind === "target")!
  const tunedTarget = adapted!.inputs.find(({ kind }) => kind === "target")!
  expect(tunedTarget.key).toBe(graph.target.key)
  expect(tunedTarget.inputs.map(({ key }) => key)).toContain(ofBase.key)
  expect(ofBase.key).not.toBe(graph.target.key)
  const text = adapted!.inputs.find(({ kind }) => kind === "text")!
  expect(text.inputs.map(({ key }) => key)).toContain(graph.target.key)
  expect(adapted!.inputs.map(({ key }) => key)).toContain(baseArm!.key)
  const alone = await run(Effect.flatMap(resolve({ ...experiment, target: base, arms: { all: arm(budget) } }), graphOf))
  expect(alone.target.key).toBe(ofBase.key)
})

test("it runs, is read from its config with the same keys, and its settings can be set", async () => {
  const { record } = await run(
    Effect.flatMap(resolved(experiment), (use) =>
      runDistillation(use, { slug: "000-tuned", results: join(home, "results") }),
    ),
  )
  const rows = record.rows.map(({ name, budget: [one] }) => [name, one!.arm.trainedParameters ?? "all"])
  expect(rows).toEqual([
    ["start", "all"],
    ["base", "all"],
    ["adapted", 3 * 2 * 8 + 2 * 8],
  ])
  const { config } = await run(resolve(experiment))
  const again = await run(fromConfig(JSON.parse(JSON.stringify(config)), registryOf(experiment)))
  expect(await keysOf(again)).toEqual(await keysOf(experiment))
  const shorter = await run(resolved(experiment, "target.of.pretraining.steps=2", "arms.base.target=untouched")).catch(
    String,
  )
  expect(shorter).toContain("arms.base.target")
  const set = await run(resolved(experiment, "target.of.pretraining.steps=2", "target.pretraining.steps=1"))
  expect(set.target).toMatchObject({ kind: "tuned", pretraining: { steps: 1 }, of: { pretraining: { steps: 2 } } })
  const short = await run(resolve(limited(experiment, 1)))
  expect(short.target).toMatchObject({ pretraining: { steps: 1 }, of: { pretraining: { steps: 1 } } })
})

test("untrained writers, parts of another target, and circles of writing are refused before any work", async () => {
  const inBase = (more: object): Experiment => ({
    ...experiment,
    arms: { ...experiment.arms, base: arm({ ...budget, target: base, ...more }) },
  })
  expect(await refused(inBase({ start: layersOf("target", [0]) }))).toContain(
    "it has a target of its own, and its start, layers 0 of the target, is part of the experiment's",
  )
  const untrained = fresh(tinyModel(16))
  expect(await refused(inBase({ target: untrained, text: written({ by: "target" }) }))).toContain("has no pretraining")
  const { pretraining: __, ...bare } = tuned(base, { steps: 1, batchSize: 2 })
  expect(await refused({ ...experiment, target: bare as never })).toContain("target.pretraining")
  const circle = { steps: 2, batchSize: 2, text: written({ by: "target" }) }
  expect(await refused({ ...experiment, target: tuned(base, circle) })).toContain("what it writes after it")
  expect(
    await refused({ ...experiment, target: tuned(fresh(tinyModel(16), circle), { steps: 1, batchSize: 2 }) }),
  ).toContain("what it writes after it")
  const reading = distilled({ ...budget })
  const { behind } = tiny.arms as Record<string, object>
  const both = { ...experiment, reference: reading, arms: { base: { ...behind, target: base } as never } }
  expect(await refused(both)).toContain("its reference is distilled from the experiment's")
})
