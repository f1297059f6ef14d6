/**
 * A draft that can propose some ids only: whole texts, every outcome and sampled 4-grams have the target's distribution,
 * flaws are noticed, greedy text is the target's own, and the evidence of a pass counts as decoding does.
 */
import { describe, expect, test } from "bun:test"
import type { Decoder } from "@winnow/core"
import { adjusted, generate } from "@winnow/generation"
import { llama } from "@winnow/model-llama"
import { initialise, modelOfIds } from "@winnow/models"
import { klDivergence, logSoftmax } from "@winnow/numerics"
import { native, tf, withoutNative } from "@winnow/tensor"
import {
  type Decoded,
  everyText,
  FLAW_TEMPERATURE,
  flaws,
  meanCounts,
  nGramExcess,
  randomPrompts,
  tablePair,
  targetTexts,
  weighted,
  worstError,
} from "@winnow/testing"
import { Effect } from "effect"
import { estimatedCounts } from "../acceptance.ts"
import { greedyEvidence, sampledEvidence } from "../evidence.ts"
import { modelProposer } from "../model-proposer.ts"
import { speculate } from "../speculate.ts"

const settings: ReadonlyArray<Decoded["options"] & { readonly draftLength: number }> = [
  { temperature: 1, draftLength: 1, maxNew: 4, eosId: 2 },
  { temperature: 1, draftLength: 2, maxNew: 4 },
  { temperature: 0.6, topK: 3, draftLength: 2, maxNew: 4, eosId: 2 },
  { temperature: 1.4, topP: 0.8, draftLength: 2, maxNew: 4 },
]

describe("every outcome of a text", () => {
  for (const options of settings)
    test(JSON.stringify(options), () => {
      // The rows of the head are other numbers than their ids, and one of the ids is outside the head.
      for (const quick of [true, false]) {
        const { target, draft, dispose } = tablePair(4, 30, 1, 0.2, quick, [1, 3])
        const decoded = { target, draft, prompt: [1, 0], options }
        const [outcomes, texts] = [everyText(decoded), targetTexts(decoded)]
        expect(worstError(outcomes, texts)).toBeLessThan(1e-12)
        const got = weighted(outcomes.map(({ value, weight }) => ({ value: value.counts, weight })))
        for (const [i, count] of meanCounts(texts, options.draftLength, options.maxNew).entries())
          expect(Math.abs(got[i]! - count)).toBeLessThan(1e-12)
        dispose()
      }
    })

  const flawed = { temperature: FLAW_TEMPERATURE, draftLength: 2, maxNew: 4 }
  const pair = (seed: number) => tablePair(4, seed, 1, 0, true, [0, 2, 3])
  for (const [name, { verify, fault }] of Object.entries(flaws))
    test(`notices ${name}`, () => {
      const { target, draft, dispose } = pair(1)
      const decoded = { target, draft, prompt: [1, 0], options: flawed }
      const outcomes = everyText(decoded, { ...fault, ...(verify && { verify }) })
      expect(worstError(outcomes, targetTexts(decoded))).toBeGreaterThan(1e-4)
      dispose()
    })

  test("notices a draft whose tokens are ids and whose distributions are those of rows", () => {
    const { target, draft, dispose } = pair(2)
    const proposer = modelProposer(draft)
    const { id_U } = draft.headIds!
    const mistaken = {
      ...proposer,
      begin: (start: Parameters<typeof proposer.begin>[0]) => {
        const sequence = proposer.begin(start)
        return {
          ...sequence,
          accept: (n: number, path: ReadonlyArray<number>) => sequence.accept?.(n, path),
          dispose: () => sequence.dispose?.(),
          propose: (context: Parameters<typeof sequence.propose>[0]) => {
            const { tokens, q } = sequence.propose(context)
            const rows = q === "certain" ? q : q.map((q_V) => q_V.map((_, v) => q_V[id_U[v] ?? -1] ?? 0))
            return { tokens, q: rows }
          },
        }
      },
    }
    const decoded = { target, draft: mistaken, prompt: [1, 0], options: flawed }
    expect(worstError(everyText(decoded), targetTexts(decoded))).toBeGreaterThan(1e-4)
    dispose()
  })
})

describe("sampled 4-grams", () => {
  for (const options of [
    { temperature: 1, draftLength: 3, maxNew: 4 },
    { temperature: 1.2, topK: 4, topP: 0.9, draftLength: 2, maxNew: 4, eosId: 1 },
  ])
    test(JSON.stringify(options), () => {
      for (const seed of [1, 2, 3]) {
        const { target, draft, dispose } = tablePair(5, seed, 1, 0.15, true, [0, 2, 4])
        expect(nGramExcess({ target, draft, prompt: [1, 3], options }, 4000, seed)).toBeLessThan(1)
        dispose()
      }
    })

  test("notice a flaw", () => {
    const { target, draft, dispose } = tablePair(5, 1, 1, 0, true, [0, 2, 4])
    const options = { temperature: FLAW_TEMPERATURE, draftLength: 2, maxNew: 4 }
    const flaw = flaws["the residual replaced by p"]!
    expect(nGramExcess({ target, draft, prompt: [1, 3], options }, 4000, 1, flaw)).toBeGreaterThan(1)
    dispose()
  })
})

describe("evidence of a pass", () => {
  const V = 6
  const ids = [0, 1, 3, 5]

  test("overlap and ratio are sums over ids, KL compares with the target's distribution over the draft's ids", async () => {
    const { target, draft, dispose } = tablePair(V, 31, 0.7, 0, false, ids)
    const { rollouts } = await generate(target, randomPrompts(20, V, 5, 1), { maxNew: 12, temperature: 0.9, seed: 5 })
    for (const sampling of [{ temperature: 0.9 }, { temperature: 0.9, topK: 3 }, { temperature: 0.9, topP: 0.85 }]) {
      const before = tf.memory().numTensors
      const { chance, overlap, kl } = sampledEvidence(target, draft, rollouts, sampling, { chunkBytes: 200 })
      expect(tf.memory().numTensors).toBe(before)
      for (const [i, { prompt, tokens }] of rollouts.entries())
        for (const [t, token] of tokens.entries()) {
          const prefix = [...prompt, ...tokens.subarray(0, t)]
          const [p_V, q_V] = [target, draft].map((m) => adjusted(m.logitsAfter(prefix), sampling)) as [
            Float64Array,
            Float64Array,
          ]
          const [logP_U, logQ_U] = [target, draft].map((m) => {
            const logits_V = m.logitsAfter(prefix)
            return logSoftmax(
              Float32Array.from(ids, (id) => logits_V[id]!),
              0.9,
            )
          }) as [Float64Array, Float64Array]
          const together = p_V.reduce((sum, p, v) => sum + Math.min(p, q_V[v]!), 0)
          expect(overlap![i]![t]).toBeCloseTo(together, 5)
          expect(kl![i]![t]).toBeCloseTo(klDivergence(logP_U, logQ_U), 5)
          if (p_V[token]! > 0) expect(chance[i]![t]).toBeCloseTo(Math.min(1, q_V[token]! / p_V[token]!), 5)
          if (!ids.includes(token)) expect(chance[i]![t]).toBe(0)
        }
    }
    dispose()
  })

  test("greedy counts of a pass are those of decoding", async () => {
    const { target, draft, dispose } = tablePair(V, 11, 0.5, 0, true, ids)
    const prompts = randomPrompts(20, V, 8, 3)
    const options = { temperature: 0, draftLength: 3, maxNew: 12 }
    const decoded = await speculate(target, modelProposer(draft), prompts, options)
    const rollouts = decoded.map(({ rollout }) => rollout)
    const counted = estimatedCounts(greedyEvidence(draft, rollouts), 3)
    for (const [i, { counts }] of decoded.entries()) {
      const { blocks, accepted, rejected, emitted } = counted[i]!
      expect([blocks, accepted, rejected, emitted]).toEqual([
        counts.blocks,
        counts.accepted,
        counts.rejected,
        counts.emitted,
      ])
    }
    dispose()
  })
})

describe("models of a family", () => {
  const V = 61
  const make = (seed: number) =>
    initialise(
      Effect.runSync(
        llama({
          ...{ vocab_size: V, hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2 },
          ...{ initializer_range: 0.5, tie_word_embeddings: true },
        }).instance,
      ),
      seed,
    )
  const ids = Int32Array.from({ length: 20 }, (_, u) => 3 * u + 1)
  const ways = native() === undefined ? [withoutNative] : [<A>(run: () => A) => run(), withoutNative]

  test("greedy text is the target's own, and only ids of the head are proposed", async () => {
    const target = make(1)
    const draft = modelOfIds(target, ids)
    const prompts = randomPrompts(6, V, 8, 4)
    const options = { temperature: 0, draftLength: 3, maxNew: 16 }
    const own = await generate(target, prompts, { maxNew: 16 })
    const decoded = await speculate(target, modelProposer(draft), prompts, options)
    expect(decoded.map(({ rollout }) => Array.from(rollout.tokens))).toEqual(
      own.rollouts.map(({ tokens }) => Array.from(tokens)),
    )
    // The draft is the target with fewer ids: a proposal is refused only where the target's token is another id.
    for (const { counts, rollout } of decoded) {
      const within = rollout.tokens.filter((id) => ids.includes(id)).length
      expect(counts.accepted).toBeLessThanOrEqual(within)
    }
    const { rollouts } = await generate(draft, prompts, { maxNew: 16 })
    expect(rollouts.every(({ tokens }) => tokens.every((id) => ids.includes(id)))).toBe(true)
    for (const model of [target, draft]) model.dispose()
  })

  test("distributions are 0 outside the head's ids, the same natively and plainly", () => {
    const whole = make(2)
    const draft: Decoder = modelOfIds(whole, ids)
    const found = ways.map((way) =>
      way(() => {
        const sequence = modelProposer(draft).begin({
          sampling: { temperature: 1 },
          vocabularySize: V,
          eosId: undefined,
        })
        let id = 0
        const { tokens, q } = sequence.propose({ text: [5, 7, 60], room: 3, draw: () => ids[id++]! })
        sequence.dispose?.()
        expect(tokens).toEqual(Array.from(ids.subarray(0, 3)))
        return q as ReadonlyArray<Float64Array>
      }),
    )
    for (const q of found)
      for (const [i, q_V] of q.entries()) {
        expect(q_V.length).toBe(V)
        expect(q_V.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 10)
        for (const [v, x] of q_V.entries()) {
          if (!ids.includes(v)) expect(x).toBe(0)
          expect(x).toBeCloseTo(found[0]![i]![v]!, 5)
        }
      }
    for (const model of [whole, draft]) model.dispose()
  })

  test("a target that predicts some ids only is refused", () => {
    const whole = make(3)
    const part = modelOfIds(whole, ids)
    expect(speculate(part, modelProposer(whole), [[1]], { temperature: 0, draftLength: 2, maxNew: 4 })).rejects.toThrow(
      "the target predicts 20 of its 61 ids",
    )
    for (const model of [whole, part]) model.dispose()
  })
})
