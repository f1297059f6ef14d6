/** The same promises on real architectures: caches of keys and values, rotary positions, products that round. */
import { describe, expect, test } from "bun:test"
import type { Architecture, Model } from "@winnow/core"
import { gptNeox, initialise, llama } from "@winnow/models"
import { normals, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import { randomPrompts } from "../test/table-model.ts"
import { estimatedCounts } from "./acceptance.ts"
import { type Chance, residual } from "./block.ts"
import { greedyEvidence } from "./evidence.ts"
import { generate } from "./generate.ts"
import { argmaxRows, idsTensor, lastLogits } from "./head.ts"
import { compareGreedy } from "./identity.ts"
import { adjusted } from "./sampling.ts"
import { speculate } from "./speculate.ts"
import { SpeculativeSession } from "./speculative.ts"
import { measureSpeedup } from "./speedup.ts"

const V = 61
const shape = {
  vocab_size: V,
  hidden_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  max_position_embeddings: 64,
}

/** Adds noise to every parameter, so that logits spread (sharper choices) and two models differ in part. */
const shake = (model: Model, scale: number, seed: number): Model => {
  for (const [name, value] of model.parameters)
    tf.tidy(() => {
      const noise = normals(value.size, scale, seeded(seed, name))
      value.assign(tf.add(value, tf.tensor(noise, value.shape)))
    })
  return model
}

const architectures: ReadonlyArray<readonly [string, Effect.Effect<Architecture, unknown>]> = [
  ["gpt_neox", gptNeox(shape).instance],
  ["llama", llama({ ...shape, num_key_value_heads: 2 }).instance],
]

for (const [name, instance] of architectures)
  describe(name, () => {
    const architecture = Effect.runSync(instance)
    const model = () => shake(initialise(architecture, 1), 0.2, 2)
    const prompts = randomPrompts(6, V, 14, 6)

    test("greedy: no cache, batches with padding, and any gamma give one text; counts are the estimated ones", async () => {
      const [target, draft] = [model(), shake(model(), 0.05, 4)]
      const before = tf.memory().numTensors
      const options = { maxNew: 16, eosId: 7 }
      const { rollouts } = await generate(target, prompts, { ...options, batchSize: 5 })
      for (const { prompt, tokens } of rollouts.slice(0, 3)) {
        const text = [...prompt]
        for (const token of tokens) {
          const [next] = tf.tidy(() => [
            ...argmaxRows(lastLogits(target, target.hidden(idsTensor(text, 1, text.length)))),
          ])
          expect(next).toBe(token)
          text.push(token)
        }
      }
      const evidence = greedyEvidence(draft, rollouts, { batchTokens: 100 })
      let tested = 0
      for (const draftLength of [1, 4, 8]) {
        const done = await speculate(target, draft, prompts, { ...options, draftLength })
        const { identical, smallestMargin } = compareGreedy(rollouts, done)
        expect(identical).toBe(prompts.length)
        expect(smallestMargin).toBeGreaterThan(1e-4) // no near tie among these prompts, so identity is owed exactly
        const estimated = estimatedCounts(evidence, draftLength)
        for (const [i, { counts }] of done.entries()) {
          expect(counts).toMatchObject({ ...estimated[i]! })
          if (draftLength === 4) tested += counts.accepted * counts.rejected
        }
      }
      expect(tested).toBeGreaterThan(0) // both outcomes occurred: caches were rolled back and went on
      expect(tf.memory().numTensors).toBe(before)
      for (const m of [target, draft]) m.dispose()
    }, 30_000)

    test("caches hold exactly the accepted text: after accept-all, reject-first and reject-last", () => {
      const [target, draft, draftLength] = [model(), shake(model(), 0.05, 4), 3]
      const sampling = { temperature: 1 }
      const text = [3, 1, 4, 1, 5]
      /** Each distribution that a token is drawn from, against the model on the whole text without a cache. */
      const expectNear = (got_V: Float64Array, expected_V: Float64Array) => {
        for (const [v, p] of expected_V.entries()) expect(Math.abs(got_V[v]! - p)).toBeLessThan(1e-5)
      }
      const afresh = (m: Model, ids: ReadonlyArray<number>): Float64Array => {
        let p_V: Float64Array = new Float64Array()
        tf.tidy(() => {
          p_V = adjusted(lastLogits(m, m.hidden(idsTensor(ids, 1, ids.length))).dataSync(), sampling)
        })
        return p_V
      }
      const accepted = [3, 0, 2, 3, 3, 2, 0, 0, 1, 3] // of each block, as scripted below
      let [block, drafted, judged] = [0, [] as Array<number>, 0]
      const chance: Chance = {
        draw: (p_V) => {
          const token = (7 * block + 5 * drafted.length + 11) % V
          const next = [...text, ...drafted]
          if (drafted.length < draftLength) {
            expectNear(p_V, afresh(draft, next))
            drafted.push(token)
            return token
          }
          const n = accepted[block]!
          const prefix = [...text, ...drafted.slice(0, n)]
          const p = afresh(target, prefix)
          expectNear(p_V, n === draftLength ? p : residual(p, afresh(draft, prefix))!)
          text.push(...drafted.slice(0, n), token)
          ;[block, drafted, judged] = [block + 1, [], 0]
          return token
        },
        accept: () => judged++ < accepted[block]!,
      }
      const maxNew = accepted.reduce((sum, n) => sum + n + 1, 0) + draftLength // room for full blocks to the end
      const session = new SpeculativeSession(
        target,
        draft,
        [...text],
        { draftLength, maxNew, ...sampling },
        undefined,
        chance,
      )
      for (const _ of accepted) session.step()
      session.dispose()
      expect(session.counts).toMatchObject({ blocks: 10, accepted: 17, emitted: 27 })
      for (const m of [target, draft]) m.dispose()
    }, 30_000)

    test("a model as its own draft is accepted whole", async () => {
      const target = model()
      for (const temperature of [0, 1]) {
        const done = await speculate(target, target, prompts.slice(0, 4), { draftLength: 3, maxNew: 16, temperature })
        for (const { counts } of done) {
          // Sampled: q and p come from products of other shapes, so a rejection at a ratio of 1 - 1e-6 is possible, not likely.
          expect([counts.blocks, counts.accepted, counts.rejected]).toEqual([4, 12, 0])
        }
      }
      target.dispose()
    }, 30_000)

    test("speed-up: the record is consistent with its runs", async () => {
      const [target, draft] = [model(), shake(model(), 0.05, 4)]
      const before = tf.memory().numTensors
      const result = await measureSpeedup(
        target,
        draft,
        prompts.slice(0, 4),
        { draftLength: 2, maxNew: 40 },
        { rounds: 2 },
      )
      expect(result.identity).toMatchObject({ prompts: 4, identical: 4 })
      expect(result.byRound.length).toBe(2)
      expect(result.parameterRatio).toBe(1)
      expect(result.mbsu).toBeCloseTo(result.blockEfficiency / 3, 12)
      expect(result.runs.alone.every((r) => r.counts.blocks === 40 && r.counts.draftCalls === 0)).toBe(true)
      for (const seconds of Object.values(result.seconds)) expect(seconds).toBeGreaterThan(0)
      // A draft as costly as its target cannot help, and the prediction says so within the noise of a busy machine.
      expect(result.predicted).toBeLessThan(1.3)
      expect(result.ofTotals / result.predictedFromVerify).toBeGreaterThan(0.5)
      expect(result.ofTotals / result.predictedFromVerify).toBeLessThan(2)
      expect(tf.memory().numTensors).toBe(before)
      for (const m of [target, draft]) m.dispose()
    }, 30_000)
  })
