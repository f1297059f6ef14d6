/** A replay over finished texts gives the counts of decoding: exactly for greedy texts, in the mean for samples. */
import { describe, expect, test } from "bun:test"
import { atOnce } from "@winnow/files"
import { generate } from "@winnow/generation"
import { ngram } from "@winnow/proposer-ngram"
import { randomPrompts, tableModel } from "@winnow/testing"
import { Effect } from "effect"
import { estimatedCounts } from "./acceptance.ts"
import { evidenceOnGreedy, evidenceOnSamples } from "./evidence-of.ts"
import { replayPass } from "./replay.ts"
import { speculate } from "./speculate.ts"

const proposer = await Effect.runPromise(ngram().instance)
const prompts = randomPrompts(40, 5, 12, 3)
const eosId = 4

test("greedy: exactly the counts of the runs, prompt by prompt, for every gamma", async () => {
  const endings = { eos: 0, length: 0, stop: 0 }
  for (const seed of [1, 2]) {
    const target = tableModel({ V: 5, states: 24, seed, quick: true })
    const options = { maxNew: 30, eosId }
    const { rollouts } = await generate(target, prompts, options)
    const evidence = atOnce(evidenceOnGreedy(target, proposer, rollouts, { eosId, longest: 8 })!)
    let accepted = 0
    for (const draftLength of [0, 1, 2, 4, 8]) {
      const runs = await speculate(target, proposer, prompts, { ...options, draftLength })
      for (const [i, expected] of estimatedCounts(evidence, draftLength).entries()) {
        const { rollout, counts } = runs[i]!
        expect(rollout).toEqual(rollouts[i]!)
        expect(counts).toMatchObject(expected)
        accepted += counts.accepted
        endings[rollout.finish]++
      }
    }
    expect(accepted).toBeGreaterThan(200)
    expect(() => estimatedCounts(evidence, 9)).toThrow("room for 8")
    target.dispose()
  }
  expect(Math.min(endings.eos, endings.length)).toBeGreaterThan(20)
})

test("sampled: acceptance, tau and expected acceptance agree with runs within 4 standard errors", async () => {
  const target = tableModel({ V: 5, states: 12, seed: 3, sharpness: 3, quick: true })
  const many = Array.from({ length: 1500 }, (_, i) => prompts[i % prompts.length]!)
  const options = { maxNew: 16, eosId, temperature: 0.8 }
  const { rollouts } = await generate(target, many, { ...options, seed: 1 })
  const evidence = atOnce(evidenceOnSamples(target, proposer, rollouts, { temperature: 0.8 }, { eosId, longest: 3 })!)
  const runs = await speculate(target, proposer, many, { ...options, seed: 2, draftLength: 3 })
  const estimates = estimatedCounts(evidence, 3)
  for (const of of ["accepted", "rejected", "blocks", "emitted"] as const) {
    const apart = estimates.map((counts, i) => counts[of] - runs[i]!.counts[of])
    const mean = apart.reduce((a, b) => a + b, 0) / apart.length
    const deviation = Math.sqrt(apart.reduce((sum, x) => sum + (x - mean) ** 2, 0) / apart.length)
    expect(Math.abs(mean)).toBeLessThan((4 * deviation) / Math.sqrt(apart.length))
  }
  // Expected acceptance by its definition: p of the first token that the proposer gives, at each position of the
  // samples.
  let [expected, estimated, positions, variance] = [0, 0, 0, 0]
  for (const [i, { prompt, tokens }] of rollouts.entries()) {
    const sequence = proposer.begin({ sampling: { temperature: 0.8 }, vocabularySize: 5, eosId })
    for (let t = 0; t < tokens.length; t++) {
      const text = [...prompt, ...tokens.subarray(0, t)]
      const [first] = sequence.propose({ text, room: 1, draw: () => expect.unreachable() }).tokens
      const p = first === undefined ? 0 : target.distributionAfter(text, { temperature: 0.8 })[first]!
      expected += p
      variance += p * (1 - p)
      estimated += evidence.overlap![i]![t]!
      positions++
    }
  }
  expect(estimated / positions).toBeWithin(0.1, 0.95)
  expect(Math.abs(expected - estimated)).toBeLessThan(4 * Math.sqrt(variance))
  target.dispose()
})

describe("refused", () => {
  test("a proposer that draws is refused", () => {
    const drawing = {
      name: "draws",
      parameters: 0,
      begin: () => ({
        propose: ({ draw }: { draw: (q: Float64Array) => number }) => ({
          tokens: [draw(Float64Array.of(1))],
          q: "certain" as const,
        }),
      }),
    }
    const rollout = { prompt: Int32Array.of(1), tokens: Int32Array.of(1), finish: "length", limit: 1 } as const
    const options = { sampling: { temperature: 0 }, vocabularySize: 5, eosId, longest: 2 }
    expect(() => atOnce(replayPass(drawing, [rollout], options))).toThrow("drew a token")
  })

  test("a proposer that is neither a model nor deterministic has no evidence", () => {
    const target = tableModel({ V: 5, states: 4, seed: 1 })
    const other = { name: "other", parameters: 0, begin: proposer.begin }
    expect(evidenceOnGreedy(target, other, [], { eosId, longest: 2 })).toBe(undefined)
    expect(evidenceOnSamples(target, other, [], { temperature: 1 }, { eosId, longest: 2 })).toBe(undefined)
    target.dispose()
  })
})
