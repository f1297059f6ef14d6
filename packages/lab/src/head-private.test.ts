/** A head with a private part as arms: trained beside the head of another arm, saved apart, counted, measured; refusals. */
import { expect, test } from "bun:test"
import { mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { eagle } from "@winnow/head-eagle"
import { medusa } from "@winnow/head-medusa"
import { kl } from "@winnow/loss-kl"
import { accuracy } from "@winnow/measure-accuracy"
import { llama } from "@winnow/model-llama"
import { loadHead, loadModel } from "@winnow/models"
import { nextToken } from "@winnow/objective-next-token"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import { runLayers } from "../test/run-layers.ts"
import { everything, tiny, tinyModel } from "../test/tiny.ts"
import { arm, defineExperiment, type Experiment } from "./experiment/define.ts"
import { fromConfig } from "./experiment/from-config.ts"
import { registryOf } from "./experiment/registry.ts"
import { resolve } from "./experiment/resolve.ts"
import { artifactOf, fresh, head } from "./experiment/start.ts"
import { lora, privatePart } from "./experiment/training-spec.ts"
import { type MeasuresRecord, measuresRecord } from "./record/measures-schema.ts"
import { runExperiment } from "./run.ts"
import { makeStore } from "./store/store.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-private-heads-"))
const { reference: _, ...base } = tiny
const target = fresh(tinyModel(16), { steps: 20, batchSize: 8, optimizer: { learningRate: 0.01, warmup: 5 } })
const general = fresh(tinyModel(16), { steps: 4, batchSize: 8 })
const budget = {
  filter: everything(),
  loss: kl(),
  steps: 6,
  batchSize: 4,
  optimizer: { learningRate: 0.02, warmup: 2 },
}
const adapt = { ...budget, start: artifactOf({ arm: "shared" }) } as const
const experiment = defineExperiment({
  ...base,
  name: "private heads",
  target,
  draft: { start: head(eagle()) },
  arms: {
    shared: arm({ ...budget, target: general }),
    private: arm({ ...adapt, adapters: privatePart({ size: 3 }) }),
    sum: arm({ ...adapt, adapters: privatePart({ size: 3, gate: "none" }), signals: { states: "float32" } }),
    further: arm({ ...budget, start: artifactOf({ arm: "private" }), adapters: privatePart({ size: 3 }) }),
    // A head of an arm's own, on the arm's own target.
    own: arm({ ...budget, target: general, start: head(eagle({ steps: 2 })) }),
  },
  about: "private",
  seeds: [1],
  measures: [accuracy({ objective: nextToken() })],
  measure: { prompts: 12 },
  plugins: [eagle, medusa, llama, ...base.plugins!],
})

test("the shared head keeps its bits, the private part moves, a further training goes on from it; both are counted", async () => {
  const tensors = tf.memory().numTensors
  const resolved = await Effect.runPromise(resolve(experiment))
  const rebuilt = fromConfig(JSON.parse(JSON.stringify(resolved.config)), registryOf(experiment))
  expect((await Effect.runPromise(Effect.flatMap(rebuilt, resolve))).config).toEqual(resolved.config)
  const { directory } = await Effect.runPromise(
    runExperiment(resolved, { slug: "000-private", results: join(home, "results") }).pipe(
      Effect.provide(runLayers(home)),
    ),
  )
  expect(tf.memory().numTensors).toBe(tensors)
  const record: MeasuresRecord = measuresRecord.assert(JSON.parse(readFileSync(join(directory, "run.json"), "utf8")))
  const folderOf = (kind: string, label: string) =>
    makeStore(home).find(kind, record.stages.find((stage) => stage.label === label)!.key)!.directory
  const model = await Effect.runPromise(loadModel(folderOf("target", "target"), [llama]))
  const opened = async (name: string, use: ReturnType<typeof eagle>) => {
    const made = await Effect.runPromise(
      loadHead(folderOf("arm", `arm ${name}, seed 1`), await Effect.runPromise(use.instance), model),
    )
    const values = new Map(Array.from(made.parameters, ([name, x]) => [name, Array.from(x.dataSync())]))
    made.dispose()
    return values
  }
  const own = (gate: "joint" | "none") => eagle({ private: { size: 3, gate } })
  const [shared, first, sum, further] = [
    await opened("shared", eagle()),
    await opened("private", own("joint")),
    await opened("sum", own("none")),
    await opened("further", own("joint")),
  ]
  for (const of of [first, sum, further]) for (const [name, values] of shared) expect(of.get(name)).toEqual(values)
  const down = "layers.0.mlp.private.down.weight"
  for (const of of [first, sum]) expect(of.get(down)!.some((x) => x !== 0)).toBe(true)
  expect(further.get(down)).not.toEqual(first.get(down))
  expect(first.get("layers.0.mlp.private.weigh_own")!.some((x) => x !== 0)).toBe(true)
  model.dispose()

  const costs = (name: string) => record.arms.rows.find((row) => row.name === name)!.budget[0]!
  expect(costs("private").arm.trainedParameters).toBe(3 * 3 * 16 + 2 * 16)
  expect(costs("sum").arm.trainedParameters).toBe(3 * 3 * 16)
  expect(costs("shared").arm.trainedParameters).toBeUndefined()
  // Frozen matrices have no gradient of their own.
  expect(costs("private").arm.flops).toBeLessThan(costs("shared").arm.flops)
  expect(record.arms.rows.find(({ name }) => name === "own")!.budget[0]!.arm.steps).toBe(6)
})

test("other adapters, and heads without a place for a private part, are refused before any work", async () => {
  const refusal = async (changed: Experiment["arms"][string]) =>
    String(await Effect.runPromise(Effect.flip(resolve({ ...experiment, arms: { changed }, about: "changed" }))))
  expect(await refusal(arm({ ...budget, adapters: lora({ rank: 1, alpha: 1, on: ["q_proj"] }) }))).toContain(
    "arms.changed.adapters: head eagle is trained whole, or by a private part; leave adapters out",
  )
  expect(await refusal(arm({ ...budget, start: head(medusa()), adapters: privatePart({ size: 2 }) }))).toContain(
    "arms.changed.adapters: head medusa is trained whole; leave adapters out",
  )
})
