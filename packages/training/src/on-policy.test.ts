/**
 * Text of the live draft between steps: it comes from the present draft, is the same after a resume, and leaves no
 * tensor.
 */
import { describe, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { armLayer, asDecoder, type Decoder, defineFilter, draftModel } from "@winnow/core"
import { batches } from "@winnow/data"
import { continuations, type Rollout } from "@winnow/generation"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { llama } from "@winnow/model-llama"
import { initialise } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { native, tf, withoutNative } from "@winnow/tensor"
import { type } from "arktype"
import { Effect, Fiber } from "effect"
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
const prompts = examples.slice(0, 6).map(({ ids }) => ids.subarray(0, 2))
const options = { maxNew: 8, eosId: 3, temperature: 1, batchSize: 4 }
const steps = 10

const fresh = () => initialise(architecture, 1)
const weights = (model: Decoder) => new Map([...model.parameters].map(([name, p]) => [name, p.dataSync().slice()]))
/** Another model with the present numbers of this one. */
const copyOf = (model: Decoder): Decoder => {
  const copy = initialise(architecture, 2)
  for (const [name, values] of weights(model))
    tf.tidy(() => copy.parameters.get(name)!.assign(tf.tensor(values, copy.parameters.get(name)!.shape)))
  return copy
}
const tokensOf = (rollouts: ReadonlyArray<Rollout>) => rollouts.map(({ tokens }) => [...tokens])

/** A filter that draws texts of the draft before each step, and keeps the tokens that the draft wrote in them. */
const onPolicy = (
  write: typeof continuations,
  seen: Map<number, ReadonlyArray<ReadonlyArray<number>>>,
  look?: (step: number, draft: Decoder) => void,
) =>
  defineFilter({
    name: "on-policy",
    needs: [],
    options: type({ "+": "reject" }),
    make: () => {
      let written = new Set<number>()
      return {
        before: (step, draft) => {
          const model = asDecoder(draftModel(draft), "the draft")
          look?.(step, model)
          seen.set(step, tokensOf(write(model, prompts, options, seeded(7, "on-policy", step))))
          written = new Set(seen.get(step)!.flat())
        },
        select: ({ N, gold_N }) => Uint8Array.from({ length: N }, (_, n) => Number(n === 0 || written.has(gold_N[n]!))),
        save: () => null,
        restore: () => {},
      }
    },
  })

const train = (draft: Decoder, filter: ReturnType<typeof onPolicy>, more: Partial<TrainOptions> = {}) =>
  trainStage({
    ...{ stage: "test", model: draft, batches: batches(examples, { batchSize: 4, seed: 1 }), steps, seed: 5 },
    optimizer: optimizerOptions.assert({ learningRate: 0.02, warmup: 2, schedule: "cosine" }),
    ...more,
  }).pipe(Effect.provide(armLayer(filter(), crossEntropy())))

for (const path of native() === undefined ? (["plain"] as const) : (["native", "plain"] as const))
  describe(path, () => {
    const write: typeof continuations = (...of) =>
      path === "native" ? continuations(...of) : withoutNative(() => continuations(...of))

    test("a stage that is stopped and resumed draws the same texts and ends with the same weights", async () => {
      const before = tf.memory().numTensors
      const directory = mkdtempSync(join(tmpdir(), "winnow-on-policy-"))
      const [whole, rest] = [new Map(), new Map()] as [Map<number, number[][]>, Map<number, number[][]>]
      const [one, first, second] = [fresh(), fresh(), fresh()]
      await Effect.runPromise(train(one, onPolicy(write, whole)))
      let stop = () => {}
      const checkpoint = { directory, identity: "a", everySeconds: 3600 }
      const fiber = Effect.runFork(
        train(first, onPolicy(write, rest), {
          checkpoint,
          onEvent: (event) => event._tag === "step" && event.step === 4 && stop(),
        }),
      )
      stop = () => Effect.runFork(Fiber.interrupt(fiber))
      await Effect.runPromise(Fiber.await(fiber))
      expect(rest.size).toBeLessThan(steps)
      await Effect.runPromise(train(second, onPolicy(write, rest), { checkpoint }))
      expect([...rest].toSorted(([a], [b]) => a - b)).toEqual([...whole])
      expect(whole.size).toBe(steps)
      expect(weights(second)).toEqual(weights(one))
      expect(new Set([...whole.values()].map(String)).size).toBe(steps) // The texts of each step differ.
      for (const model of [one, first, second]) model.dispose()
      rmSync(directory, { recursive: true })
      expect(tf.memory().numTensors).toBe(before)
    })

    test("the texts come from the weights of that step, and leave no tensor", async () => {
      const seen = new Map<number, ReadonlyArray<ReadonlyArray<number>>>()
      const ofCopy = new Map<number, ReadonlyArray<ReadonlyArray<number>>>()
      const draft = fresh()
      await Effect.runPromise(
        train(
          draft,
          onPolicy(write, seen, (step, live) => {
            const before = tf.memory().numTensors
            const copy = copyOf(live)
            ofCopy.set(step, tokensOf(write(copy, prompts, options, seeded(7, "on-policy", step))))
            copy.dispose()
            expect(tf.memory().numTensors).toBe(before)
          }),
        ),
      )
      expect([...ofCopy]).toEqual([...seen])
      draft.dispose()
    })
  })

test("one draw of the generator, however many tokens; other batches draw the same", () => {
  const draft = fresh()
  const [a, b] = [seeded(1, "a"), seeded(1, "a")]
  const short = continuations(draft, prompts, { ...options, maxNew: 1 }, a)
  const long = continuations(draft, prompts, { ...options, batchSize: 1 }, b)
  expect(tokensOf(short)).toEqual(tokensOf(long).map(([first]) => [first!]))
  expect(a.uniform()).toBe(b.uniform())
  expect(() => continuations(draft, [], options, a)).toThrow("found no prompts")
  expect(() => continuations(draft, [[V]], options, a)).toThrow("expected integers of the vocabulary")
  draft.dispose()
})
