/** The evidence of one teacher-forced pass at each position; `lossless/counting.test.ts` compares it with runs. */
import { describe, expect, test } from "bun:test"
import { adjusted, argmax, driven, generate, type Pieces } from "@winnow/generation"
import { tf } from "@winnow/tensor"
import { randomPrompts, tableModel, tablePair } from "@winnow/testing"
import { estimateAcceptance } from "./acceptance.ts"
import { greedyEvidence, greedyPass, sampledEvidence } from "./evidence.ts"

test("greedy evidence is the same for any size of chunks; no tensor is left", async () => {
  const { target, draft, dispose } = tablePair(6, 11, 0.8)
  const { rollouts } = await generate(target, randomPrompts(40, 6, 8, 3), { maxNew: 19, eosId: 2 })
  const whole = greedyEvidence(draft, rollouts)
  const before = tf.memory().numTensors
  for (const pass of [
    { batchTokens: 30, chunkBytes: 100 },
    { batchTokens: 1, chunkBytes: 1 },
  ])
    expect(greedyEvidence(draft, rollouts, pass)).toEqual(whole)
  expect(tf.memory().numTensors).toBe(before)
  for (const [i, { prompt, tokens }] of rollouts.entries())
    for (const [t, token] of tokens.entries())
      expect(whole.chance[i]![t]).toBe(
        argmax(draft.logitsAfter([...prompt, ...tokens.subarray(0, t)])) === token ? 1 : 0,
      )
  dispose()
})

test("a pass yields between its batches, and ends where it is interrupted", async () => {
  const { target, draft, dispose } = tablePair(6, 11, 0.8)
  const { rollouts } = await generate(target, randomPrompts(40, 6, 8, 3), { maxNew: 19, eosId: 2 })
  const texts = rollouts.filter(({ tokens }) => tokens.length > 0)
  const before = tf.memory().numTensors
  let pieces = 0
  for (const _ of greedyPass(draft, texts, { batchTokens: 1 })) pieces++
  expect(pieces).toBe(texts.length)
  let [starts, closed] = [0, false]
  const interrupted = new AbortController()
  function* endless(): Pieces<void> {
    try {
      for (;;) {
        starts++
        yield* greedyPass(draft, texts)
      }
    } finally {
      closed = true
    }
  }
  setTimeout(() => interrupted.abort(new Error("Ctrl-C")), 5)
  await expect(driven(endless(), interrupted.signal)).rejects.toThrow("Ctrl-C")
  expect([starts > 0, closed]).toEqual([true, true])
  expect(await driven(greedyPass(draft, texts))).toEqual(greedyEvidence(draft, texts))
  expect(tf.memory().numTensors).toBe(before)
  dispose()
})

describe("sampled evidence", () => {
  test("device and host agree with the tables; all gamma from one pass", async () => {
    const { target, draft, dispose } = tablePair(6, 31, 0.7, 0.1)
    const { rollouts } = await generate(target, randomPrompts(30, 6, 5, 1), {
      maxNew: 15,
      eosId: 1,
      temperature: 0.9,
      seed: 5,
    })
    for (const sampling of [{ temperature: 0.9 }, { temperature: 0.9, topK: 6 }, { temperature: 0.9, topP: 0.85 }]) {
      const before = tf.memory().numTensors
      const { chance, overlap, kl } = sampledEvidence(target, draft, rollouts, sampling, {
        batchTokens: 50,
        chunkBytes: 200,
      })
      expect(tf.memory().numTensors).toBe(before)
      for (const [i, { prompt, tokens }] of rollouts.entries())
        for (const [t, token] of tokens.entries()) {
          const prefix = [...prompt, ...tokens.subarray(0, t)]
          const [p_V, q_V] = [target, draft].map((m) => adjusted(m.logitsAfter(prefix), sampling))
          expect(overlap![i]![t]).toBeCloseTo(
            p_V!.reduce((s, p, v) => s + Math.min(p, q_V![v]!), 0),
            5,
          )
          const [raw_p, raw_q] = [target, draft].map((m) =>
            adjusted(m.logitsAfter(prefix), { temperature: sampling.temperature }),
          )
          // By the definition: tokens outside top-k and top-p count; entries of p = 0 add nothing.
          const expected = raw_p!.reduce((s, p, v) => s + (p > 0 ? p * Math.log(p / raw_q![v]!) : 0), 0)
          if (Number.isFinite(expected)) expect(kl![i]![t]).toBeCloseTo(expected, 5)
          else expect(kl![i]![t]).toBeGreaterThan(100)
          if (p_V![token]! > 0) expect(chance[i]![t]).toBeCloseTo(Math.min(1, q_V![token]! / p_V![token]!), 5)
        }
    }
    expect(() => sampledEvidence(target, draft, rollouts, { temperature: 0 })).toThrow("above 0")
    dispose()
  })

  test("KL by hand, on device and host: temperature counts, top-k does not; 0 log 0 is 0; KL is infinite where q lacks a token", () => {
    /** A model that gives one distribution everywhere. */
    const always = (...p_V: ReadonlyArray<number>) => {
      const model = tableModel({ V: p_V.length, states: 1, seed: 1 })
      tf.tidy(() => model.head_Vd.assign(tf.tensor2d(p_V.map((p) => [Math.log(p)]))))
      return { ...model, hidden: (ids_BT: tf.Tensor2D) => tf.ones([...ids_BT.shape, 1]) as tf.Tensor3D }
    }
    const rollouts = [{ prompt: Int32Array.of(0), tokens: Int32Array.of(0, 1), finish: "length", limit: 2 } as const]
    for (const [p_V, q_V, temperature, expected] of [
      [[0.5, 0.25, 0.25], [0.25, 0.25, 0.5], 1, 0.25 * Math.LN2],
      [[0.5, 0.25, 0.25], [0.25, 0.25, 0.5], 0.5, Math.LN2], // (4, 1, 1) / 6 against (1, 1, 4) / 6
      [[0.5, 0.5, 0], [0.25, 0.5, 0.25], 1, 0.5 * Math.LN2],
      [[0.5, 0.25, 0.25], [0.5, 0.25, 0.25], 1, 0],
      [[0.5, 0.5, 0], [1, 0, 0], 1, Number.POSITIVE_INFINITY],
    ] as const) {
      const [target, draft] = [always(...p_V), always(...q_V)]
      for (const cut of [{}, { topK: 1 }]) {
        const evidence = sampledEvidence(target, draft, rollouts, { temperature, ...cut })
        for (const kl of evidence.kl![0]!)
          if (Number.isFinite(expected)) expect(kl).toBeCloseTo(expected, 6)
          else expect(kl).toBe(expected)
        if (Number.isFinite(expected))
          expect(estimateAcceptance(evidence, 2, "by hand").draftKl!.pooled).toBeCloseTo(expected, 6)
      }
      for (const m of [target, draft]) m.dispose()
    }
    const draft = always(0.5, 0.5)
    expect(greedyEvidence(draft, rollouts).kl).toBe(null)
    expect(estimateAcceptance(greedyEvidence(draft, rollouts), 2, "greedy").draftKl).toBe(null)
    draft.dispose()
  })
})
