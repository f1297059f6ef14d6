/** The estimators from one teacher-forced pass, held against speculative runs of the same models. */
import { describe, expect, test } from "bun:test"
import { tf } from "@winnow/tensor"
import { pair, randomPrompts, tableModel } from "../test/table-model.ts"
import { acceptanceRecord, estimateAcceptance, estimatedCounts } from "./acceptance.ts"
import { greedyEvidence, sampledEvidence } from "./evidence.ts"
import { generate } from "./generate.ts"
import { adjusted } from "./sampling.ts"
import { speculate } from "./speculate.ts"

describe("greedy evidence", () => {
  test("teacher-forced counts are those of the run, prompt by prompt", async () => {
    const { target, draft, dispose } = pair(6, 11, 0.8)
    const prompts = randomPrompts(40, 6, 8, 3)
    const stop = (tokens: ReadonlyArray<number>) => tokens.length > 7 && tokens.at(-1)! < 2
    const { rollouts } = await generate(target, prompts, { maxNew: 19, eosId: 2 }, { stop })
    expect(new Set(rollouts.map((r) => r.finish)).size).toBe(3)
    for (const pass of [{}, { batchTokens: 30, chunkBytes: 100 }]) {
      const before = tf.memory().numTensors
      const evidence = greedyEvidence(draft, rollouts, pass)
      expect(tf.memory().numTensors).toBe(before)
      for (const draftLength of [0, 1, 2, 4, 8]) {
        const done = await speculate(target, draft, prompts, { draftLength, maxNew: 19, eosId: 2 }, { stop })
        const estimated = estimatedCounts(evidence, draftLength)
        for (const [i, { counts }] of done.entries()) expect(counts).toMatchObject({ ...estimated[i]! })
        const context = { sampling: { temperature: 0 }, draftLength, dataset: "tables" }
        const decoded = acceptanceRecord(
          done.map((d) => d.counts),
          context,
          "decoded",
        )
        expect(estimateAcceptance(evidence, draftLength, "tables")).toEqual({ ...decoded, source: "teacher-forced" })
        expect(decoded.byPosition.map(({ position }) => position)).toEqual(
          [1, 2, 3, 4, 5, 6, 7, 8].slice(0, draftLength),
        )
        if (draftLength === 0) expect(decoded.acceptance).toBe(null)
        else expect(decoded.testedTokens).toBeGreaterThan(50)
      }
    }
    dispose()
  }, 30_000)
})

describe("sampled evidence", () => {
  test("device and host agree with the tables; all gamma from one pass", async () => {
    const { target, draft, dispose } = pair(6, 31, 0.7, 0.1)
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
          // by the definition: what top-k and top-p cut away is in it; entries of p = 0 add nothing
          const expected = raw_p!.reduce((s, p, v) => s + (p > 0 ? p * Math.log(p / raw_q![v]!) : 0), 0)
          if (Number.isFinite(expected)) expect(kl![i]![t]).toBeCloseTo(expected, 5)
          else expect(kl![i]![t]).toBeGreaterThan(100)
          if (p_V![token]! > 0) expect(chance[i]![t]).toBeCloseTo(Math.min(1, q_V![token]! / p_V![token]!), 5)
        }
    }
    expect(() => sampledEvidence(target, draft, rollouts, { temperature: 0 })).toThrow("above 0")
    dispose()
  })

  test("KL by hand, on device and host: temperature counts, top-k does not; 0 log 0 is 0, a token that q lacks is infinite", () => {
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

  test("agrees with sampled runs of the same models within five standard errors", async () => {
    const { target, draft, dispose } = pair(6, 41, 0.8)
    const prompts = randomPrompts(300, 6, 5, 2)
    const sampling = { temperature: 1.1 }
    const { rollouts } = await generate(target, prompts, { ...sampling, maxNew: 20, seed: 1 })
    const evidence = sampledEvidence(target, draft, rollouts, sampling)
    const done = await speculate(target, draft, prompts, { ...sampling, draftLength: 3, maxNew: 20, seed: 2 })
    const decoded = acceptanceRecord(
      done.map((d) => d.counts),
      { sampling, draftLength: 3, dataset: "tables" },
      "decoded",
    )
    const estimated = estimateAcceptance(evidence, 3, "tables")
    const a = estimated.acceptance!.pooled
    const standardError = Math.sqrt((a * (1 - a)) / decoded.testedTokens) * 2 // tested tokens of a text are correlated
    expect(Math.abs(decoded.acceptance!.pooled - a)).toBeLessThan(5 * standardError)
    expect(Math.abs(decoded.blockEfficiency!.pooled / estimated.blockEfficiency!.pooled - 1)).toBeLessThan(0.05)
    expect(Math.abs(estimated.expectedAcceptance!.pooled - a)).toBeLessThan(0.05)
    expect(a).toBeGreaterThan(0.3)
    expect(a).toBeLessThan(0.95)
    dispose()
  }, 30_000)
})
