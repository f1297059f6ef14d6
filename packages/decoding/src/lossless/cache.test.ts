/** Roll-back: caches hold exactly the accepted text after any block, in native and in plain decoding. */

import { describe, expect, test } from "bun:test"
import type { Decoder } from "@winnow/core"
import { adjusted, argmaxRows, GenerateSession, idsTensor, lastLogits } from "@winnow/generation"
import { tf } from "@winnow/tensor"
import { randomPrompts } from "@winnow/testing"
import { Effect } from "effect"
import { architectures, paths, randomModel, shake, VOCABULARY as V } from "../../test/transformers.ts"
import { type Chance, residual } from "../block.ts"
import { modelProposer } from "../model-proposer.ts"
import { SpeculativeSession } from "../speculative.ts"

/** The next token's logits, by the model on all ids at once without a cache. */
const afresh = <T>(model: Decoder, ids: ReadonlyArray<number>, of: (logits_1V: tf.Tensor2D) => T): T => {
  let result: T | undefined
  tf.tidy(() => {
    result = of(lastLogits(model, model.hidden(idsTensor(ids, 1, ids.length))))
  })
  return result!
}

for (const [name, instance] of architectures)
  for (const [path, on] of paths)
    describe(`${name}, ${path}`, () => {
      const architecture = Effect.runSync(instance)

      test("each sampled distribution equals the one without a cache, after accept-all, reject-first, reject-last", () =>
        on(() => {
          const [target, draft, draftLength] = [randomModel(architecture), shake(randomModel(architecture), 0.05, 4), 3]
          const sampling = { temperature: 1 }
          const text = [3, 1, 4, 1, 5]
          const distribution = (model: Decoder, ids: ReadonlyArray<number>) =>
            afresh(model, ids, (logits) => adjusted(logits.dataSync(), sampling))
          let worst = 0
          const compare = (got_V: Float64Array, expected_V: Float64Array) => {
            for (const [v, p] of expected_V.entries()) worst = Math.max(worst, Math.abs(got_V[v]! - p))
          }
          const accepted = [3, 0, 2, 3, 3, 2, 0, 0, 1, 3] // of each block, as scripted below
          let [block, drafted, judged] = [0, [] as Array<number>, 0]
          const chance: Chance = {
            draw: (p_V) => {
              const token = (7 * block + 5 * drafted.length + 11) % V
              if (drafted.length < draftLength) {
                compare(p_V, distribution(draft, [...text, ...drafted]))
                drafted.push(token)
                return token
              }
              const n = accepted[block]!
              const prefix = [...text, ...drafted.slice(0, n)]
              const p = distribution(target, prefix)
              compare(p_V, n === draftLength ? p : residual(p, distribution(draft, prefix))!)
              text.push(...drafted.slice(0, n), token)
              ;[block, drafted, judged] = [block + 1, [], 0]
              return token
            },
            accept: () => judged++ < accepted[block]!,
          }
          const maxNew = accepted.reduce((sum, n) => sum + n + 1, 0) + draftLength // room for full blocks to the end
          const options = { draftLength, maxNew, ...sampling }
          const session = new SpeculativeSession(target, modelProposer(draft), [...text], options, undefined, {
            chance,
          })
          for (const _ of accepted) session.step()
          session.dispose()
          expect(session.counts).toMatchObject({ blocks: 10, accepted: 17, emitted: 27 })
          expect(worst).toBeLessThan(1e-5) // single precision adds in another order
          for (const model of [target, draft]) model.dispose()
        }))

      test("greedy text equals the text without a cache: for the target alone in padded batches, and at any gamma", () =>
        on(() => {
          const before = tf.memory().numTensors
          const [target, draft] = [randomModel(architecture), shake(randomModel(architecture), 0.05, 4)]
          const prompts = randomPrompts(6, V, 14, 6)
          const alone = new GenerateSession(target, prompts, { maxNew: 16, eosId: 7, batchSize: 5 })
          while (alone.step());
          alone.dispose()
          const events = { all: 0, first: 0, last: 0 }
          for (const [i, { prompt, tokens, finish }] of alone.rollouts.entries()) {
            const text = [...prompt]
            for (const token of tokens) {
              expect(afresh(target, text, (logits) => argmaxRows(logits)[0]!)).toBe(token)
              text.push(token)
            }
            for (const draftLength of [1, 2, 4, 8]) {
              const options = { maxNew: 16, eosId: 7, draftLength }
              const session = new SpeculativeSession(target, modelProposer(draft), prompts[i]!, options)
              for (let more = true, last = 0; more; ) {
                more = session.step()
                const { accepted, rejected } = session.counts
                const inBlock = accepted - last
                last = accepted
                if (more && inBlock === draftLength) events.all++
                if (more && inBlock === 0) events.first++
                if (more && draftLength > 1 && inBlock === draftLength - 1 && rejected > 0) events.last++
              }
              session.dispose()
              expect(session.rollout).toEqual({ prompt, tokens, finish, limit: 16 })
              // There is no near tie here, so both paths must give identical text.
              expect(Math.min(...session.margins)).toBeGreaterThan(1e-4)
            }
          }
          expect(Math.min(...Object.values(events))).toBeGreaterThan(0) // each event occurred, and decoding continued
          for (const model of [target, draft]) model.dispose()
          expect(tf.memory().numTensors).toBe(before)
        }))
    })
