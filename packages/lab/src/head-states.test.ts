/** Arms of heads on stored states through the whole lab: the same weights, one cache for all, its size told before, refusals. */
import { expect, test } from "bun:test"
import { mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { sha256 } from "@winnow/files"
import { exit } from "@winnow/head-exit"
import { medusa } from "@winnow/head-medusa"
import { mlp, runningParity } from "@winnow/head-mlp"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { kl } from "@winnow/loss-kl"
import { accuracy } from "@winnow/measure-accuracy"
import { llama } from "@winnow/model-llama"
import { nextToken } from "@winnow/objective-next-token"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import { runLayers } from "../test/run-layers.ts"
import { everything, tiny, tinyModel } from "../test/tiny.ts"
import { plan } from "./estimate.ts"
import { arm, defineExperiment } from "./experiment/define.ts"
import { resolve } from "./experiment/resolve.ts"
import { applySettings } from "./experiment/settings.ts"
import { fresh, head } from "./experiment/start.ts"
import type { ProgressEvent } from "./progress.ts"
import { type MeasuresRecord, measuresRecord } from "./record/measures-schema.ts"
import { runExperiment } from "./run.ts"
import { makeStore } from "./store/store.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-head-states-"))
const budget = { filter: everything(), steps: 6, batchSize: 4, optimizer: { learningRate: 0.01, warmup: 2 } }
const [ofText, ofTarget] = [
  { ...budget, loss: crossEntropy() },
  { ...budget, loss: kl() },
] as const
const objective = nextToken()
const stored = { states: "float32" } as const

const { reference: _, ...base } = tiny
const experiment = defineExperiment({
  ...base,
  name: "stored",
  target: fresh(
    llama({
      ...{ vocab_size: 257, hidden_size: 16, num_attention_heads: 2 },
      num_hidden_layers: 2,
      max_position_embeddings: 32,
    }),
    { steps: 20, batchSize: 8, optimizer: { learningRate: 0.01, warmup: 5 } },
  ),
  draft: { start: head(medusa({ heads: 1 })) },
  arms: {
    live: arm(ofTarget),
    stored: arm({ ...ofTarget, signals: stored }),
    shards: arm({ ...ofTarget, signals: { ...stored, shards: 2 } }),
    "from-caches": arm({ ...ofTarget, signals: { ...stored, target: "full" } }),
    halves: arm({ ...ofText, signals: { states: "bfloat16" } }),
    exit: arm({ ...ofText, start: head(exit({ layers: 1, norm: true })), signals: stored }),
    "exit-live": arm({ ...ofText, start: head(exit({ layers: 1, norm: true })) }),
  },
  about: "stored",
  seeds: [1],
  measures: [accuracy({ objective })],
  measure: { prompts: 12 },
  plugins: [medusa, exit, mlp, llama, ...base.plugins!],
})
const resolved = (...settings: ReadonlyArray<string>) => Effect.flatMap(applySettings(experiment, settings), resolve)

test("arms on stored states end with the weights of arms that run the target; a cache serves all, and is counted", async () => {
  const tensors = tf.memory().numTensors
  const notes: Array<string> = []
  const report = (event: ProgressEvent) => void (event._tag === "note" && notes.push(event.text))
  const { directory } = await Effect.runPromise(
    Effect.flatMap(resolved(), (r) => runExperiment(r, { slug: "000-stored", results: join(home, "results") })).pipe(
      Effect.provide(runLayers(home, { report })),
    ),
  )
  expect(tf.memory().numTensors).toBe(tensors)
  const record: MeasuresRecord = measuresRecord.assert(JSON.parse(readFileSync(join(directory, "run.json"), "utf8")))
  const keyOf = (name: string) => record.stages.find(({ label }) => label === `arm ${name}, seed 1`)!.key
  const weights = (name: string) =>
    sha256(readFileSync(join(makeStore(home).find("arm", keyOf(name))!.directory, "head.safetensors")))
  expect(weights("stored")).toBe(weights("live"))
  expect(weights("shards")).toBe(weights("live"))
  expect(weights("exit")).toBe(weights("exit-live"))
  expect(weights("halves")).not.toBe(weights("live"))

  const labels = record.stages.flatMap(({ kind, label }) => (/signals/.test(kind) ? [label] : []))
  expect(labels.toSorted()).toEqual([
    "target signals, full",
    "target states, last in bfloat16",
    "target states, last in float32",
    "target states, last in float32",
    "target states, last in float32, shard 1 of 2",
    "target states, last in float32, shard 2 of 2",
    "target states, layer 1 in float32",
  ])
  const costs = (name: string) => record.arms.rows.find((row) => row.name === name)!.budget[0]!
  const [cache] = costs("stored").signals!
  // 12 texts of 13 read tokens (a letter, a colon, ten letters, and an end that is not read), 16 numbers each
  expect(cache!.bytes).toBe(12 * 12 * 16 * 4)
  expect(costs("stored").arm.flops).toBeLessThan(costs("live").arm.flops)
  expect(costs("stored").total.flops).toBe(costs("stored").arm.flops + cache!.flops)
  expect(notes.some((note) => /caches of signals: .* to write in 6 stages/.test(note))).toBe(true)
})

test("a plan tells the bytes of states that are not in the store", async () => {
  const layers = runLayers(home)
  const disk = async (...settings: ReadonlyArray<string>) =>
    (await Effect.runPromise(Effect.flatMap(resolved(...settings), plan).pipe(Effect.provide(layers)))).disk
  expect(await disk()).toBeUndefined()
  expect(await disk("arms.exit.signals.states=bfloat16")).toMatchObject({ stages: 1, bytes: 12 * 12 * 16 * 2 })
})

const refusal = async (...settings: ReadonlyArray<string>) =>
  String(await Effect.runPromise(Effect.flip(resolved(...settings))))

test("stored states are refused where nothing reads them, and where they change", async () => {
  const small = tinyModel(8)
  const model = defineExperiment({
    ...experiment,
    arms: { live: arm(ofTarget), model: arm({ ...ofTarget, start: fresh(small), signals: stored }) },
    about: "live",
  })
  expect(String(await Effect.runPromise(Effect.flip(resolve(model))))).toContain(
    "arms.model.signals.states: it trains a model, and only a head reads the target's states; leave it out",
  )
  const moving = defineExperiment({
    ...experiment,
    arms: {
      moving: arm({
        ...ofText,
        start: head(mlp({ variable: runningParity() }), { trunk: "trained" }),
        signals: stored,
      }),
    },
    about: "moving",
  })
  expect(String(await Effect.runPromise(Effect.flip(resolve(moving))))).toContain(
    "arms.moving.signals.states: a copy of the target is trained with head mlp, so its states change; leave it out",
  )
  expect(await refusal("arms.stored.signals.states=float16")).toContain("float16")
})
