/** The draft's own text between steps: by the weights of that step, in its share, the same after a kill. */
import { describe, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { armLayer, asDecoder, type Decoder, defineFilter, draftModel, type EncodedExample } from "@winnow/core"
import { batches } from "@winnow/data"
import { continuations } from "@winnow/generation"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { llama } from "@winnow/model-llama"
import { initialise } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { native, tf, withoutNative } from "@winnow/tensor"
import { type } from "arktype"
import { Effect, Exit, Fiber } from "effect"
import { type OwnText, ownText } from "./own-text.ts"
import { optimizerOptions } from "./schedule.ts"
import { type TrainOptions, trainStage } from "./train-stage.ts"

const V = 29
const architecture = Effect.runSync(
  llama({ vocab_size: V, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 32 })
    .instance,
)
const rng = seeded(3, "examples")
const examples = Array.from({ length: 24 }, () => ({
  ids: Int32Array.from({ length: 6 + rng.below(6) }, () => rng.below(V)),
  promptLength: 2,
}))
const writing = { maxNew: 8, eosId: 3, temperature: 1, batchSize: 4 }
const half: OwnText = { share: 0.4, maxLength: 9, writing, seed: 0 }
const steps = 6
const source = (rows?: "packed") => batches(examples, { batchSize: 4, seed: 1, ...(rows && { rows }) })

const fresh = () => initialise(architecture, 1)
const weights = (model: Decoder) => new Map([...model.parameters].map(([name, p]) => [name, p.dataSync().slice()]))

/** A filter that keeps all tokens and remembers the gold tokens of each step. */
const watching = (seen: Map<number, ReadonlyArray<number>>, look?: (step: number, draft: Decoder) => void) =>
  defineFilter({
    name: "watching",
    needs: [],
    options: type({ "+": "reject" }),
    make: () => ({
      before: (step, draft) => look?.(step, asDecoder(draftModel(draft), "the draft")),
      select: ({ N, gold_N, step }) => {
        seen.set(step, [...(seen.get(step) ?? []), ...gold_N])
        return new Uint8Array(N).fill(1)
      },
      save: () => null,
      restore: () => {},
    }),
  })

const train = (draft: Decoder, filter: ReturnType<typeof watching>, more: Partial<TrainOptions> = {}) =>
  trainStage({
    ...{ stage: "test", model: draft, batches: source(), steps, seed: 5, microBatches: 2, ownText: half },
    optimizer: optimizerOptions.assert({ learningRate: 0.02, warmup: 2, schedule: "cosine" }),
    ...more,
  }).pipe(Effect.provide(armLayer(filter(), crossEntropy())))

for (const path of native() === undefined ? (["plain"] as const) : (["native", "plain"] as const))
  describe(path, () => {
    const on = <A>(run: () => A): A => (path === "native" ? run() : withoutNative(run))

    test("a batch has the data set's sequences, and in its share the draft's, by the weights of that step", () => {
      const draft = fresh()
      for (const share of [0.25, 0.4, 1]) {
        const { batches: read, state } = on(() => ownText(source(), { ...half, share }, { seed: 5, microBatches: 2 }))
        let written = 0
        for (let step = 0; step < 5; step++) {
          on(() => state.before!(step, draft))
          for (const number of [2 * step, 2 * step + 1]) {
            const own = source().sequences(number)
            const plain = source().batch(number)
            const batch = read.batch(number)
            expect(batch.example_B).toEqual(plain.example_B)
            for (const [row, { ids }] of own.entries()) {
              const has = Array.from(batch.ids_BT.subarray(row * batch.T, (row + 1) * batch.T))
              const end = [...batch.gold_N.filter((_, n) => batch.sequence_N[n] === row)]
              expect(has.slice(0, 2)).toEqual([...ids.subarray(0, 2)])
              if (end.join() !== ids.subarray(2).join()) written++
              expect(2 + end.length).toBeLessThanOrEqual(Math.max(9, ids.length))
            }
          }
          expect(() => read.batch(2 * step + 2)).toThrow("has no text")
        }
        expect(written).toBe(Math.floor(40 * share))
      }
      // All prompts of one step, by the definition: the draft continues each, cut to the longest sequence.
      const { batches: read, state } = on(() => ownText(source(), { ...half, share: 1 }, { seed: 5, microBatches: 1 }))
      on(() => state.before!(3, draft))
      const prompts = source()
        .sequences(3)
        .map(({ ids }) => ids.subarray(0, 2))
      const texts = on(() => continuations(draft, prompts, writing, seeded(5, "own text", 0, 3)))
      expect([...read.batch(3).gold_N]).toEqual(texts.flatMap(({ tokens }) => [...tokens.subarray(0, 7)]))
      draft.dispose()
    })
  })

test("a stage that is killed and resumed reads the same texts and ends with the same weights and counts", async () => {
  const before = tf.memory().numTensors
  const directory = mkdtempSync(join(tmpdir(), "winnow-own-text-"))
  const [whole, rest] = [new Map(), new Map()] as [Map<number, number[]>, Map<number, number[]>]
  const [one, first, second] = [fresh(), fresh(), fresh()]
  const summary = await Effect.runPromise(train(one, watching(whole)))
  let stop = () => {}
  const checkpoint = { directory, identity: "a", everySeconds: 3600 }
  const onEvent: TrainOptions["onEvent"] = (event) => event._tag === "step" && event.step === 3 && stop()
  const fiber = Effect.runFork(train(first, watching(rest), { checkpoint, onEvent }))
  stop = () => Effect.runFork(Fiber.interrupt(fiber))
  await Effect.runPromise(Fiber.await(fiber))
  expect(rest.size).toBeLessThan(steps)
  const resumed = await Effect.runPromise(train(second, watching(rest), { checkpoint }))
  expect([...rest].toSorted(([a], [b]) => a - b)).toEqual([...whole])
  expect(weights(second)).toEqual(weights(one))
  expect(resumed.writing).toEqual(summary.writing!)
  // 48 sequences, of which the draft writes four tenths; each prompt has two tokens.
  expect(summary.writing!.read).toBe(2 * Math.floor(steps * 2 * 4 * 0.4))
  expect(summary.writing!.written).toBeGreaterThan(summary.writing!.read / 2)
  for (const model of [one, first, second]) model.dispose()
  rmSync(directory, { recursive: true })
  expect(tf.memory().numTensors).toBe(before)
})

test("the texts of each step differ, and follow the weights: a draft that learns writes other text than one that does not", async () => {
  const texts = async (learningRate: number) => {
    const seen = new Map<number, ReadonlyArray<number>>()
    const draft = fresh()
    const optimizer = optimizerOptions.assert({ learningRate, warmup: 0 })
    await Effect.runPromise(train(draft, watching(seen), { ownText: { ...half, share: 1 }, optimizer }))
    draft.dispose()
    return [...seen.values()].map(String)
  }
  const [learns, stays] = [await texts(0.1), await texts(1e-9)]
  expect(new Set(learns).size).toBe(steps)
  expect(learns[0]).toBe(stays[0]!)
  expect(learns.at(-1)).not.toBe(stays.at(-1)!)
})

test("packed rows have the same sequences", () => {
  const draft = fresh()
  const of = (rows?: "packed") => {
    const { batches: read, state } = ownText(source(rows), half, { seed: 5, microBatches: 1 })
    state.before!(2, draft)
    return read.batch(2)
  }
  expect([...of("packed").gold_N].toSorted()).toEqual([...of().gold_N].toSorted())
  draft.dispose()
})

test("bad input is refused before a step: a share, a length, caches, a text without a prompt begins with its first token", async () => {
  const draft = fresh()
  const refused = async (more: Partial<TrainOptions>) => {
    const exit = await Effect.runPromise(Effect.exit(train(draft, watching(new Map()), more)))
    return Exit.isFailure(exit) ? String(exit.cause) : "no error"
  }
  expect(await refused({ ownText: { ...half, share: 0 } })).toContain(
    "share is 0; expected a number above 0, at most 1",
  )
  expect(await refused({ ownText: { ...half, maxLength: 1 } })).toContain("maxLength is 1; expected an integer from 2")
  expect(await refused({ signals: { target: {} as never } })).toContain(
    "a cache of the target has other text; read it live",
  )
  const plain: ReadonlyArray<EncodedExample> = examples.map((example) => ({ ...example, promptLength: 0 }))
  const { batches: read, state } = ownText(
    batches(plain, { batchSize: 4, seed: 1 }),
    { ...half, share: 1 },
    { seed: 5, microBatches: 1 },
  )
  state.before!(0, draft)
  const { ids_BT, T } = read.batch(0)
  const firsts = batches(plain, { batchSize: 4, seed: 1 })
    .sequences(0)
    .map(({ ids }) => ids[0])
  expect(firsts).toEqual([0, 1, 2, 3].map((b) => ids_BT[b * T]))
  expect(() => state.restore({ read: -1, written: 0 })).toThrow("text of the draft")
  draft.dispose()
})
