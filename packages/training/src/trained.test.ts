/**
 * A training moves only its part of the model: frozen parameters keep their bits, and adapters move in place of all
 * others.
 */
import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test"
import { mkdtemp, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Decoder, type Filter, filterLayer, type Loss, lossLayer, movedParameters, Reference } from "@winnow/core"
import { batches, collate } from "@winnow/data"
import { adaspec } from "@winnow/filter-adaspec"
import { none } from "@winnow/filter-none"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { kl } from "@winnow/loss-kl"
import { gptNeox } from "@winnow/model-gpt-neox"
import { llama } from "@winnow/model-llama"
import { freezeParameters, initialise, type LoraModel, readSafetensors, withLora } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { tf, withoutNative } from "@winnow/tensor"
import { Effect, Fiber, Layer } from "effect"
import { runDenseMicroBatch } from "./dense.ts"
import { type Parts, withHead } from "./fixture.ts"
import { runMicroBatch } from "./micro-batch.ts"
import { frozenTarget, movingAverage } from "./reference.ts"
import { optimizerOptions } from "./schedule.ts"
import { type TrainOptions, trainStage } from "./train-stage.ts"

const sizes = {
  vocab_size: 29,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 24,
  max_position_embeddings: 32,
}
const untied = Effect.runSync(llama(sizes).instance)
const tied = Effect.runSync(gptNeox({ ...sizes, tie_word_embeddings: true }).instance)
const rng = seeded(3, "examples")
const examples = Array.from({ length: 24 }, () => ({
  ids: Int32Array.from({ length: 6 + rng.below(6) }, () => rng.below(29)),
  promptLength: 2,
}))
const lora = { kind: "lora", rank: 2, alpha: 4, on: ["q_proj", "down_proj"] } as const
const adapters = (model: Decoder, seed = 7): LoraModel<Decoder> => withLora(model, { ...lora, on: [...lora.on] }, seed)

const withTarget = (model: Decoder) =>
  Layer.mergeAll(filterLayer(adaspec()), lossLayer(kl())).pipe(
    Layer.provideMerge(Layer.merge(movingAverage(model, 0.8), frozenTarget(target))),
  )
const plain = Layer.mergeAll(filterLayer(none()), lossLayer(crossEntropy()))
const target = initialise(untied, 90)
afterAll(() => target.dispose())

let directory = ""
let tensors = 0
let owned: Array<() => void> = []
const model = (architecture = untied) => {
  const made = initialise(architecture, 1)
  owned.push(made.dispose)
  return made
}
beforeEach(async () => {
  tensors = tf.memory().numTensors
  directory = await mkdtemp(join(tmpdir(), "winnow-trained-"))
})
afterEach(async () => {
  for (const free of owned) free()
  owned = []
  await rm(directory, { recursive: true, force: true })
  expect(tf.memory().numTensors).toBe(tensors)
})

const valuesOf = (parameters: Decoder["parameters"]) =>
  Object.fromEntries([...parameters].map(([name, p]) => [name, Array.from(p.dataSync())]))
const stage = (draft: Decoder, arm: Layer.Layer<Filter | Loss, unknown>, options: Partial<TrainOptions> = {}) =>
  trainStage({
    stage: "test",
    model: draft,
    batches: batches(examples, { batchSize: 4, seed: 1 }),
    steps: 10,
    optimizer: optimizerOptions.assert({ learningRate: 0.01, warmup: 3 }),
    seed: 5,
    ...options,
  }).pipe(Effect.provide(arm))

const micro = async (draft: Decoder): Promise<Parts> => {
  const { filter, loss } = await Effect.runPromise(
    Effect.all({ filter: none().instance, loss: kl().instance }).pipe(Effect.provide(frozenTarget(target))),
  )
  const shared = { batch: collate(examples.slice(0, 3)), target, filter, loss, seed: 7, micro: 0, chunkRows: 5 }
  return { ...shared, draft, step: 3, steps: 10, divide: true }
}

describe("gradients of a part are those of the whole", () => {
  const parts = {
    "frozen head": ["head"],
    "frozen embedding": ["embedding"],
    "frozen embedding, head and a layer": ["embedding", "head", "*layers.0.*"],
    "a trunk that is frozen": ["*layers.*", "*norm*", "embedding"],
  }
  for (const [name, frozen] of Object.entries(parts))
    for (const [of, architecture] of Object.entries({ llama: untied, "gpt-neox, tied": tied })) {
      if (of !== "llama" && name !== "frozen head") continue
      test(`${name}, ${of}: native, on chunks, and in the plain form`, async () => {
        const base = model(architecture)
        const part = freezeParameters(base, frozen)
        const [whole, some] = [await micro(base), await micro(part)]
        const before = tf.memory().numTensors
        for (const within of [<T>(run: () => T) => run(), withoutNative])
          for (const step of [runMicroBatch, runDenseMicroBatch]) {
            const [all, few] = within(() => [step(withHead(whole)), step(withHead(some))])
            expect(Object.keys(few.gradients)).toEqual([...part.trained.keys()])
            for (const [name, gradient] of Object.entries(few.gradients))
              expect(gradient.dataSync(), name).toEqual(all.gradients[name]!.dataSync())
            expect(few.lossSum).toBe(all.lossSum)
            tf.dispose([all.gradients, few.gradients])
          }
        expect(tf.memory().numTensors).toBe(before)
      })
    }

  test("adapters: the gradient by A and B is the whole one's, pulled back", async () => {
    const base = model()
    const adapted = adapters(base)
    owned.unshift(adapted.release)
    for (const variable of adapted.trained.values()) tf.tidy(() => variable.assign(tf.add(variable, 0.05)))
    adapted.adapters!.compose()
    const whole = runMicroBatch(withHead(await micro(base)))
    const few = runMicroBatch(withHead(await micro(adapted)))
    const dense = runDenseMicroBatch(withHead(await micro(adapted)))
    const expected = tf.tidy(() => adapted.adapters!.pullBack(whole.gradients))
    expect(Object.keys(few.gradients).sort()).toEqual([...adapted.trained.keys()].sort())
    for (const [name, gradient] of Object.entries(few.gradients)) {
      expect(gradient.dataSync(), name).toEqual(expected[name]!.dataSync())
      for (const [i, x] of dense.gradients[name]!.dataSync().entries())
        expect(Math.abs(x - gradient.dataSync()[i]!)).toBeLessThan(1e-5)
    }
    tf.dispose([whole.gradients, few.gradients, dense.gradients, expected])
  })
})

test("a stage does not change frozen parameters, bit by bit, and its checkpoint has the trained ones", async () => {
  const base = model()
  const before = valuesOf(base.parameters)
  const draft = freezeParameters(base, ["embedding", "head", "model.layers.1.*"])
  await Effect.runPromise(stage(draft, plain, { checkpoint: { directory, identity: "a", everySeconds: 0 } }))
  const after = valuesOf(base.parameters)
  for (const name of base.parameters.keys()) {
    const same = JSON.stringify(after[name]) === JSON.stringify(before[name])
    expect(same, name).toBe(!draft.trained.has(name))
  }
  const newest = (await readdir(directory)).sort().at(-1)!
  const saved = [...readSafetensors(join(directory, newest, "tensors.safetensors")).keys()]
  const expected = [...draft.trained.keys()].flatMap((name) =>
    ["optimizer/m.", "optimizer/v.", "weights/"].map((prefix) => prefix + name),
  )
  expect(saved.toSorted()).toEqual(expected.toSorted())
})

const interrupted = async (draft: Decoder, arm: Layer.Layer<Filter | Loss, unknown>, steps: number) => {
  let stop: (() => void) | undefined
  const fiber = Effect.runFork(
    stage(draft, arm, {
      checkpoint: { directory, identity: "a", everySeconds: 3600 },
      onEvent: (event) => {
        if (event._tag === "step" && event.step === steps) stop!()
      },
    }),
  )
  stop = () => Effect.runFork(Fiber.interrupt(fiber))
  await Effect.runPromise(Fiber.await(fiber))
}

const parts: Record<string, (base: Decoder) => Decoder> = {
  "frozen embedding and head": (base) => freezeParameters(base, ["embedding", "head"]),
  adapters: (base) => {
    const adapted = adapters(base)
    owned.unshift(adapted.release)
    return adapted
  },
}
for (const [name, part] of Object.entries(parts))
  test(`${name}, with a reference that follows: interrupted twice, the weights are those of one run, bit by bit`, async () => {
    const base = model()
    const before = valuesOf(base.parameters)
    const whole = part(base)
    const moved = movedParameters(whole)
    const summary = await Effect.runPromise(stage(whole, withTarget(whole)))
    for (const steps of [3, 7]) {
      const draft = part(model())
      await interrupted(draft, withTarget(draft), steps)
    }
    const rest = part(model())
    const resumed = await Effect.runPromise(
      stage(rest, withTarget(rest), { checkpoint: { directory, identity: "a", everySeconds: 3600 } }),
    )
    expect(valuesOf(rest.parameters)).toEqual(valuesOf(whole.parameters))
    expect(valuesOf(rest.trained)).toEqual(valuesOf(whole.trained))
    expect({ ...resumed, seconds: 0 }).toEqual({ ...summary, seconds: 0 })
    for (const [parameter, values] of Object.entries(valuesOf(whole.parameters)))
      expect(JSON.stringify(values) === JSON.stringify(before[parameter]), parameter).toBe(!moved.has(parameter))
  })

test("a moving average keeps frozen parameters equal to the draft's", async () => {
  const base = model()
  const draft = freezeParameters(base, ["head"])
  const [average, own] = await Effect.runPromise(
    Effect.gen(function* () {
      const { model, state } = yield* Reference
      for (let step = 1; step < 5; step++) {
        for (const parameter of draft.trained.values()) tf.tidy(() => parameter.assign(tf.add(parameter, 0.1)))
        state!.after!(step, draft)
      }
      return [valuesOf(model!.parameters), valuesOf(draft.parameters)] as const
    }).pipe(Effect.provide(movingAverage(draft, 0.7))),
  )
  expect(average[untied.head]).toEqual(own[untied.head]!)
  expect(average[untied.embedding]).not.toEqual(own[untied.embedding]!)
})

test("adapters alone lower the loss", async () => {
  const wide = Effect.runSync(llama({ ...sizes, initializer_range: 0.3 }).instance)
  const adapted = parts["adapters"]!(model(wide))
  const losses: Array<number> = []
  const onEvent: TrainOptions["onEvent"] = (event) => event._tag === "step" && losses.push(event.loss)
  await Effect.runPromise(
    stage(adapted, plain, { steps: 60, optimizer: optimizerOptions.assert({ learningRate: 0.03 }), onEvent }),
  )
  const mean = (of: ReadonlyArray<number>) => of.reduce((a, b) => a + b) / of.length
  expect(mean(losses.slice(-6))).toBeLessThan(mean(losses.slice(0, 6)) - 0.3)
})
