/** A probe records a filter's choices, and changes nothing of the training that it watches. */
import { afterEach, beforeEach, expect, test } from "bun:test"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { armLayer, type Decoder, Filter, Loss, type Reference } from "@winnow/core"
import { batches, collate } from "@winnow/data"
import { adaspec } from "@winnow/filter-adaspec"
import { hellinger } from "@winnow/filter-hellinger"
import { random } from "@winnow/filter-random"
import { kl } from "@winnow/loss-kl"
import { llama } from "@winnow/model-llama"
import { initialise } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { Effect, Fiber, Layer } from "effect"
import { headFor } from "./head/head.ts"
import { choiceOf } from "./micro-batch.ts"
import { type Probe, type ProbePoint, readPoint, readPoints, savePoint } from "./probe.ts"
import { frozenReference, frozenTarget, movingAverage } from "./reference.ts"
import { optimizerOptions } from "./schedule.ts"
import { type TrainOptions, trainStage } from "./train-stage.ts"

const sizes = { vocab_size: 29, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2 }
const architecture = Effect.runSync(llama({ ...sizes, intermediate_size: 24, max_position_embeddings: 32 }).instance)
const rng = seeded(3, "examples")
const example = () => ({ ids: Int32Array.from({ length: 6 + rng.below(6) }, () => rng.below(29)), promptLength: 2 })
const source = batches(Array.from({ length: 24 }, example), { batchSize: 4, seed: 1 })
const probe: Probe = {
  batches: [collate(Array.from({ length: 4 }, example)), collate([example(), example()])],
  at: [0, 5, 12],
}
const N = probe.batches.reduce((sum, { gold_N }) => sum + gold_N.length, 0)
const optimizer = optimizerOptions.assert({ learningRate: 0.01, warmup: 3 })

let directory = ""
let models: Array<Decoder> = []
let tensors = 0
const model = (seed: number) => {
  const made = initialise(architecture, seed)
  models.push(made)
  return made
}
beforeEach(async () => {
  tensors = tf.memory().numTensors
  directory = await mkdtemp(join(tmpdir(), "winnow-probe-"))
})
afterEach(async () => {
  for (const made of models) made.dispose()
  models = []
  await rm(directory, { recursive: true, force: true })
  expect(tf.memory().numTensors).toBe(tensors)
})

type Arm = (draft: Decoder) => Layer.Layer<Filter | Loss, unknown>
const compared =
  (reference: (draft: Decoder) => Layer.Layer<Reference>): Arm =>
  (draft) =>
    armLayer(adaspec(), kl()).pipe(Layer.provide(Layer.merge(reference(draft), frozenTarget(model(90)))))
const arms = {
  "a frozen reference": compared(() => frozenReference(model(91))),
  "a moving average": compared((draft) => movingAverage(draft, 0.8)),
  "a filter with a memory": () => armLayer(hellinger(), kl()).pipe(Layer.provide(frozenTarget(model(90)))),
  chance: () => armLayer(random(), kl()).pipe(Layer.provide(frozenTarget(model(90)))),
} satisfies Record<string, Arm>

const weights = (m: Decoder) => Object.fromEntries([...m.parameters].map(([n, p]) => [n, Array.from(p.dataSync())]))
const stage = (draft: Decoder, arm: Arm, options: Partial<TrainOptions> = {}) =>
  trainStage({ stage: "test", model: draft, batches: source, steps: 12, optimizer, seed: 5, ...options }).pipe(
    Effect.provide(arm(draft)),
  )
const bare = (points: ReadonlyArray<ProbePoint> = []) => points.map(({ seconds: _, ...point }) => point)

for (const [name, arm] of Object.entries(arms))
  test(`${name}: the training is the same with a probe, and the points are those of a run that was interrupted`, async () => {
    const plain = model(1)
    await Effect.runPromise(stage(plain, arm))
    const probed = model(1)
    const summary = await Effect.runPromise(stage(probed, arm, { probe }))
    expect(weights(probed)).toEqual(weights(plain))
    expect(summary.probed!.map(({ step }) => step)).toEqual([0, 5, 12])
    expect(summary.probed!.every(({ kept_N }) => kept_N.length === N && kept_N.includes(1))).toBe(true)
    expect(summary.probed!.every(({ score_N }) => score_N?.length === (name === "chance" ? undefined : N))).toBe(true)

    const checkpoint = { directory, identity: "a", everySeconds: 0 }
    let stop = () => {}
    const onEvent: TrainOptions["onEvent"] = (e) => (e._tag === "step" && e.step === 7 ? stop() : undefined)
    const fiber = Effect.runFork(stage(model(1), arm, { probe, checkpoint, onEvent }))
    stop = () => void Effect.runFork(Fiber.interrupt(fiber))
    await Effect.runPromise(Fiber.await(fiber))
    const rest = await Effect.runPromise(stage(model(1), arm, { probe, checkpoint }))
    expect(bare(rest.probed)).toEqual(bare(summary.probed))
  })

test("a point is the choice that the step itself would make, batch by batch", async () => {
  const [draft, arm] = [model(1), arms["a frozen reference"]]
  const { probed } = await Effect.runPromise(stage(draft, arm, { probe }))
  const fresh = model(1)
  for (const [step, of] of [
    [0, fresh],
    [12, draft],
  ] as const) {
    const choices = await Effect.runPromise(
      Effect.gen(function* () {
        const [filter, loss] = [yield* Filter, yield* Loss]
        const { target, reference } = { ...loss.models, ...filter.models }
        const frozen = { target: target!.model, reference: reference!.model }
        const common = { ...frozen, filter, head: headFor({ filter, loss }), draft: of, steps: 12, seed: 5, step }
        return probe.batches.map((batch, micro) => choiceOf({ ...common, batch, micro }))
      }).pipe(Effect.provide(arm(of))),
    )
    const point = probed!.find((one) => one.step === step)!
    expect([...point.kept_N]).toEqual(choices.flatMap(({ weights_N }) => [...weights_N]))
    expect([...point.score_N!]).toEqual(choices.flatMap(({ score_N }) => [...score_N!]))
  }
})

test("a moving average is equal to the draft before the first step, and behind it later", async () => {
  const { probed } = await Effect.runPromise(stage(model(1), arms["a moving average"], { probe }))
  const [first, , last] = probed!
  expect([...new Set(first!.score_N)]).toEqual([0])
  expect(first!.kept_N.every((kept) => kept === 1)).toBe(true)
  expect(new Set(last!.score_N).size).toBeGreaterThan(N / 2)
  expect(last!.kept_N.includes(0)).toBe(true)
})

test("a point takes an eighth of a byte and a score of 4 bytes a token, and is read as it was", () => {
  const point: ProbePoint = {
    step: 3,
    kept_N: Uint8Array.of(1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1),
    score_N: Float32Array.from({ length: 11 }, (_, n) => n / 3 - 1),
    seconds: 0.5,
  }
  const saved = savePoint(point)
  expect(Buffer.from(saved.kept, "base64")).toEqual(Buffer.from([0b00011001, 0b110]))
  expect(Buffer.from(saved.score!, "base64").length).toBe(44)
  expect(readPoint(JSON.parse(JSON.stringify(saved)))).toEqual(point)
  const bareOf = { ...point, score_N: undefined }
  expect(readPoints(JSON.parse(JSON.stringify([savePoint(bareOf)])))).toEqual([bareOf])
  expect(() => readPoints([{ ...saved, tokens: 0 }])).toThrow(/tokens/)
  expect(() => readPoints(7)).toThrow("probe")
})
