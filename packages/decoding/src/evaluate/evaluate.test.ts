/** An evaluation against the parts that it is made of, run one by one. */

import { afterAll, describe, expect, test } from "bun:test"
import type { Decoder } from "@winnow/core"
import { generate } from "@winnow/generation"
import { llama } from "@winnow/model-llama"
import { initialise } from "@winnow/models"
import { normals, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { randomPrompts } from "@winnow/testing"
import { Effect } from "effect"
import { mbsu } from "../formulas.ts"
import { modelProposer } from "../model-proposer.ts"
import { parameterRatio } from "../parameter-ratio.ts"
import { speculate } from "../speculate.ts"
import { type EvaluateProgress, evaluateProposer } from "./evaluate.ts"

const V = 61
const modelOf = (noise: number, vocab_size = V): Decoder => {
  const shape = { vocab_size, hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 4 }
  const model = initialise(Effect.runSync(llama({ ...shape, max_position_embeddings: 64 }).instance), 1)
  for (const [name, value] of model.parameters)
    tf.tidy(() => {
      const spread = normals(value.size, 0.2, seeded(2, name))
      const own = normals(value.size, noise, seeded(3, name))
      value.assign(tf.add(value, tf.add(tf.tensor(spread, value.shape), tf.tensor(own, value.shape))))
    })
  return model
}

const [target, draft] = [modelOf(0), modelOf(0.02)]
afterAll(() => {
  target.dispose()
  draft.dispose()
})
const proposer = modelProposer(draft)
const prompts = randomPrompts(12, V, 14, 6)
const common = { maxNew: 16, dataset: "random ids", rounds: 0 }

describe("greedy", () => {
  test("outputs are the target's own texts; every figure is that of the runs, and of the estimate", async () => {
    const before = tf.memory().numTensors
    const given = { ...common, draftLengths: [0, 1, 4], eosIds: [7] }
    const { results, greedyTexts, sampledTexts, expectedAcceptance, draftKl } = await evaluateProposer(
      target,
      proposer,
      prompts,
      given,
    )
    const { rollouts } = await generate(target, prompts, { maxNew: 16, eosId: 7 })
    expect(results.map(({ draftLength }) => draftLength)).toEqual([0, 1, 4])
    for (const result of results) {
      expect(result.outputs).toEqual(rollouts.map(({ tokens }) => [...tokens]))
      expect(result.identity).toMatchObject({ prompts: 12, identical: 12, differences: [] })
      expect(result.estimateAgrees).toBe(12)
      expect({ ...result.decoded, source: "" }).toEqual({
        ...{ ...result.estimated!, source: "" },
        ...{ expectedAcceptance: null, draftKl: null },
      })
      const runs = await speculate(target, proposer, prompts, {
        maxNew: 16,
        eosId: 7,
        draftLength: result.draftLength,
      })
      expect(result.byPrompt).toEqual(runs.map(({ counts }) => counts))
      const { accepted, rejected, emitted, blocks, tested } = result.counts
      expect(tested).toBe(accepted + rejected)
      expect(result.greedyAcceptance).toBe(tested === 0 ? null : accepted / tested)
      expect(result.blockEfficiency).toBe(emitted / blocks)
      expect(result.mbsu).toBeCloseTo(mbsu(emitted / blocks, result.draftLength, parameterRatio(target, proposer)), 12)
      expect(result.overPrompts.blockEfficiency!.pooled).toBe(result.blockEfficiency)
      expect(result).toMatchObject({ greedyAcceptanceSource: "decoded", sampledAcceptance: null, speedup: null })
      expect(result.expectedAcceptance).toBe(expectedAcceptance!.pooled)
    }
    expect(results[2]!.greedyAcceptance).toBeWithin(0.2, 0.99)
    expect(expectedAcceptance!.pooled).toBeWithin(0.2, 0.99)
    expect(draftKl!.pooled).toBeGreaterThan(0.01)
    expect(greedyTexts).toEqual({
      ...{ temperature: 0, prompts: 12, tokens: rollouts.reduce((n, { tokens }) => n + tokens.length, 0) },
      finished: {
        eos: rollouts.filter(({ finish }) => finish === "eos").length,
        stop: 0,
        length: rollouts.filter(({ finish }) => finish === "length").length,
      },
    })
    expect(sampledTexts.temperature).toBe(1)
    expect(tf.memory().numTensors).toBe(before)
  })

  test("several end tokens: a text ends with the first of any of them, and counts still agree", async () => {
    const whole = (await evaluateProposer(target, proposer, prompts, { ...common, draftLengths: [3] })).results[0]!
      .outputs
    // two tokens that greedy texts hold before their end
    const ends = [whole[0]![5]!, whole[1]![3]!]
    const { results } = await evaluateProposer(target, proposer, prompts, {
      ...common,
      draftLengths: [3],
      eosIds: ends,
    })
    const cut = (text: ReadonlyArray<number>) => {
      const at = text.findIndex((id) => ends.includes(id))
      return at < 0 ? text : text.slice(0, at + 1)
    }
    expect(results[0]!.outputs).toEqual(whole.map(cut))
    expect(results[0]!.outputs).not.toEqual(whole)
    expect(results[0]!.estimateAgrees).toBe(12)
  })

  test("against the clock: the speed-up with its interval and parts; only texts longer than a block", async () => {
    const given = { ...common, draftLengths: [2], rounds: 2, timedPrompts: 5 }
    const [result] = (await evaluateProposer(target, proposer, prompts, given)).results
    const { timing, speedup } = result!
    expect(timing).toMatchObject({ prompts: 5, rounds: 2, draftLength: 2, identity: { identical: 5 } })
    expect(speedup).toBe(timing!.speedup)
    expect(timing!.interval.low!).toBeLessThanOrEqual(speedup!)
    expect(timing!.interval.high!).toBeGreaterThanOrEqual(speedup!)
    const { seconds, predicted, proposedPerCall, secondsPerToken } = timing!
    const ofToken = (proposedPerCall * seconds.draft + seconds.target) / timing!.blockEfficiency
    expect(predicted).toBeCloseTo(seconds.target / ofToken, 9)
    expect(timing!.ofTotals).toBeCloseTo(secondsPerToken.alone / secondsPerToken.withDraft, 9)
    const short = await evaluateProposer(target, proposer, prompts, { ...given, maxNew: 2 })
    expect(short.results[0]).toMatchObject({ speedup: null, timing: null })
  })
})

test("sampled: outputs are the sampled runs, greedy acceptance is still that of greedy decoding", async () => {
  const sampling = { temperature: 0.8, topK: 9, seed: 5 }
  const given = { ...common, ...sampling, draftLengths: [3], rounds: 1 }
  const [result] = (await evaluateProposer(target, proposer, prompts, given)).results
  const runs = await speculate(target, proposer, prompts, { ...sampling, maxNew: 16, draftLength: 3 })
  expect(result!.outputs).toEqual(runs.map(({ rollout }) => [...rollout.tokens]))
  expect(result!.decoded).toMatchObject({ decoding: "sampled", temperature: 0.8, topK: 9, source: "decoded" })
  expect(result!.sampledAcceptance).toBe(result!.decoded.acceptance!.pooled)
  const [greedy] = (await evaluateProposer(target, proposer, prompts, { ...common, draftLengths: [3] })).results
  expect(result!.greedyAcceptance).toBe(greedy!.greedyAcceptance)
  expect(result).toMatchObject({ greedyAcceptanceSource: "teacher-forced", identity: null, estimateAgrees: null })
  expect(result!.estimated!.expectedAcceptance!.pooled).toBe(result!.expectedAcceptance!)
  // both draw from the draft's and the target's restricted distributions: near each other on 12 texts, not equal
  expect(Math.abs(result!.estimated!.acceptance!.pooled - result!.sampledAcceptance!)).toBeLessThan(0.2)
  expect(result!.speedup).toBeGreaterThan(0)
})

test("progress goes phase by phase to the end; a signal stops it; nothing is left of it", async () => {
  const seen: Array<EvaluateProgress> = []
  const given = { ...common, draftLengths: [1, 2], rounds: 1 }
  await evaluateProposer(target, proposer, prompts, given, { onProgress: (p) => seen.push(p) })
  expect([...new Set(seen.map(({ index }) => index))]).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  for (const phase of Object.values(Object.groupBy(seen, ({ index }) => index)))
    expect(phase!.at(-1)!.done).toBe(phase!.at(-1)!.total)
  expect(seen.every(({ of }) => of === 8)).toBe(true)
  const before = tf.memory().numTensors
  const stop = new AbortController()
  const aborted = evaluateProposer(target, proposer, prompts, given, {
    signal: stop.signal,
    onProgress: ({ phase }) => phase.startsWith("decoding") && stop.abort(new Error("enough")),
  })
  await expect(aborted).rejects.toThrow("enough")
  expect(tf.memory().numTensors).toBe(before)
})

test("refused: other vocabularies, unknown options, no prompts", async () => {
  const other = modelOf(0, 64)
  const given = { ...common, draftLengths: [1] }
  await expect(evaluateProposer(target, modelProposer(other), prompts, given)).rejects.toThrow(
    "vocabulary of 61, draft of 64",
  )
  await expect(evaluateProposer(target, proposer, [], given)).rejects.toThrow("no prompts")
  await expect(evaluateProposer(target, proposer, prompts, { ...given, gamma: 1 } as never)).rejects.toThrow(
    "gamma must be removed",
  )
  await expect(evaluateProposer(target, proposer, prompts, { ...given, draftLengths: [] })).rejects.toThrow(
    "draftLengths",
  )
  other.dispose()
})
