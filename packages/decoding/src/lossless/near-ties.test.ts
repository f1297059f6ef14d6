/**
 * Choices that depend on the last bits. Native decoding gives the same numbers for any grouping of tokens, so texts are
 * identical bit by bit. Plain ops may round a choice the other way; then the difference is reported with its margin.
 */

import { describe, expect, test } from "bun:test"
import type { Architecture, Decoder } from "@winnow/core"
import { GenerateSession, generate } from "@winnow/generation"
import { gptNeox } from "@winnow/model-gpt-neox"
import { llama } from "@winnow/model-llama"
import { initialise } from "@winnow/models"
import { normals, seeded } from "@winnow/numerics"
import { native, nativeDecodingInUse, tf, withoutNative } from "@winnow/tensor"
import { randomPrompts } from "@winnow/testing"
import { Effect } from "effect"
import { compareGreedy } from "../identity.ts"
import { modelProposer } from "../model-proposer.ts"
import { speculate } from "../speculate.ts"
import { SpeculativeSession } from "../speculative.ts"

const V = 2000
const shape = {
  vocab_size: V,
  hidden_size: 96,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  max_position_embeddings: 128,
}
const architectures: Readonly<Record<string, Effect.Effect<Architecture, unknown>>> = {
  gpt_neox: gptNeox(shape).instance,
  llama: llama({ ...shape, num_key_value_heads: 1 }).instance,
}

/**
 * Gives every token a twin in the vocabulary whose logit differs in the last bits: choices depend on the order of sums.
 */
const withTwins = (model: Decoder): Decoder => {
  for (const [name, value] of model.parameters)
    tf.tidy(() => value.assign(tf.add(value, tf.tensor(normals(value.size, 0.1, seeded(3, name)), value.shape))))
  tf.tidy(() => {
    const half = tf.slice(model.head_Vd, [0, 0], [V / 2, shape.hidden_size])
    const noise = tf.tensor(normals(half.size, 1e-8, seeded(4, "twins")), half.shape)
    model.head_Vd.assign(tf.concat([half, tf.add(half, noise)], 0) as tf.Tensor2D)
  })
  return model
}

/** A target with near ties everywhere, and a draft that sometimes chooses the other token. */
const nearTies = (architecture: Architecture) => {
  const [target, draft] = [withTwins(initialise(architecture, 1)), withTwins(initialise(architecture, 1))]
  tf.tidy(() => {
    const { head_Vd } = draft
    head_Vd.assign(tf.add(head_Vd, tf.tensor(normals(head_Vd.size, 0.03, seeded(5, "head")), head_Vd.shape)))
  })
  return [target, draft] as const
}

describe.skipIf(native() === undefined)("native decoding", () => {
  for (const [name, instance] of Object.entries(architectures))
    test(`${name}: text and margins are the same in every batch and at every draft length; no tensor is left`, async () => {
      const [before, inUse] = [tf.memory().numTensors, nativeDecodingInUse()]
      const [target, draft] = nearTies(Effect.runSync(instance))
      const prompts = randomPrompts(12, V, 20, 6)
      const options = { maxNew: 40, eosId: 7 }
      const { rollouts } = await generate(target, prompts, { ...options, batchSize: 12 })
      for (const batchSize of [1, 5])
        expect((await generate(target, prompts, { ...options, batchSize })).rollouts).toEqual(rollouts)
      const alone = await speculate(target, undefined, prompts, { ...options, draftLength: 0 })
      let [accepted, rejected] = [0, 0]
      for (const draftLength of [0, 1, 4, 9, { most: 8 }]) {
        const done = await speculate(target, modelProposer(draft), prompts, { ...options, draftLength })
        expect(done.map(({ rollout }) => rollout)).toEqual([...rollouts])
        expect(done.map(({ margins }) => margins)).toEqual(alone.map(({ margins }) => margins))
        for (const { counts } of done) {
          accepted += counts.accepted
          rejected += counts.rejected
        }
      }
      expect(Math.min(accepted, rejected)).toBeGreaterThan(20)
      const margins = alone.flatMap(({ margins }) => margins)
      expect(margins.filter((margin) => margin < 1e-5).length / margins.length).toBeGreaterThan(0.9)
      // Draws agree too, as distributions have the same bits.
      const sampled = { ...options, temperature: 0.8, topP: 0.9, seed: 3 }
      const draws = await generate(target, prompts, { ...sampled, batchSize: 12 })
      expect((await generate(target, prompts, { ...sampled, batchSize: 5 })).rollouts).toEqual(draws.rollouts)
      for (const model of [target, draft]) model.dispose()
      expect(tf.memory().numTensors).toBe(before)
      expect(nativeDecodingInUse()).toEqual(inUse)
    })
})

describe("decoding by plain ops", () => {
  for (const [name, instance] of Object.entries(architectures))
    test(`${name}: a text differs only where the margin is within rounding`, () =>
      withoutNative(() => {
        const before = tf.memory().numTensors
        const [target, draft] = nearTies(Effect.runSync(instance))
        const prompts = randomPrompts(6, V, 20, 6)
        const options = { maxNew: 24, eosId: 7 }
        const alone = new GenerateSession(target, prompts, { ...options, batchSize: 4 })
        while (alone.step());
        alone.dispose()
        for (const draftLength of [1, 4]) {
          const done = prompts.map((prompt) => {
            const session = new SpeculativeSession(target, modelProposer(draft), prompt, { ...options, draftLength })
            while (session.step());
            session.dispose()
            return session
          })
          const { identical, differences, smallestMargin } = compareGreedy(alone.rollouts, done)
          console.log(
            `${name}, plain, gamma ${draftLength}: ${identical} of ${prompts.length} texts identical, differences at margins ${differences.map(({ margin }) => margin.toExponential(1)).join(" ")}`,
          )
          expect(identical + differences.length).toBe(prompts.length)
          expect(smallestMargin).toBeLessThan(1e-5)
          for (const { margin } of differences) expect(margin).toBeLessThan(1e-5)
        }
        for (const model of [target, draft]) model.dispose()
        expect(tf.memory().numTensors).toBe(before)
      }))
})
