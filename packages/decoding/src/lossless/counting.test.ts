/** Counts: identities within each block, and counts of one teacher-forced pass compared with runs. */

import { describe, expect, test } from "bun:test"
import type { Sampling } from "@winnow/core"
import { generate, type Rollout } from "@winnow/generation"
import { type Decoded, decodeText, randomPrompts, tablePair } from "@winnow/testing"
import { Effect } from "effect"
import { architectures, randomModel, shake, VOCABULARY } from "../../test/transformers.ts"
import { acceptanceRecord, estimateAcceptance, estimatedCounts } from "../acceptance.ts"
import type { BlockCounts } from "../counts.ts"
import { greedyEvidence, sampledEvidence } from "../evidence.ts"
import { modelProposer } from "../model-proposer.ts"
import { speculate } from "../speculate.ts"
import { type SpeculativeCounts, SpeculativeSession } from "../speculative.ts"

const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0)
/** Counts of each prompt's run, from tables without tensors. */
const decodedCounts = (decoded: Omit<Decoded, "prompt">, prompts: ReadonlyArray<Int32Array>) =>
  prompts.map((prompt, index): SpeculativeCounts => {
    const options = { ...decoded.options, index }
    return decodeText({ ...decoded, prompt: [...prompt], options }).counts
  })

describe("identities", () => {
  for (const temperature of [0, 1])
    test(`each block at temperature ${temperature} emits accepted + 1 tokens, unless the text ends in it`, () => {
      const { target, draft, dispose } = tablePair(7, 9, 0.7, 0, true)
      let [blocks, cut] = [0, 0]
      for (const draftLength of [0, 1, 3, 8])
        for (const [index, prompt] of randomPrompts(60, 7, 6, 1).entries()) {
          const options = { temperature, draftLength, maxNew: 23, eosId: 5, index }
          const session = new SpeculativeSession(target, modelProposer(draft), prompt, options)
          for (let more = true, before = session.counts; more; before = session.counts) {
            more = session.step()
            const c = session.counts
            const of = (key: "accepted" | "rejected" | "emitted" | "untruncated" | "proposed") => c[key] - before[key]
            expect(c.blocks).toBe(before.blocks + 1)
            expect(of("untruncated")).toBeLessThanOrEqual(of("proposed") + 1)
            expect(of("rejected")).toBeLessThanOrEqual(1)
            expect(of("accepted") + of("rejected")).toBeLessThanOrEqual(of("proposed"))
            if (more) {
              expect(of("emitted")).toBe(of("accepted") + 1)
              expect(of("untruncated")).toBe(of("accepted") + 1)
              expect(of("rejected") === 0).toBe(of("accepted") === of("proposed"))
            } else {
              expect(of("emitted")).toBeLessThanOrEqual(of("untruncated"))
              expect(of("emitted")).toBeGreaterThanOrEqual(of("accepted"))
              if (of("emitted") < of("untruncated")) cut++
            }
            blocks++
          }
          session.dispose()
          const { counts: c, rollout } = session
          expect(c.emitted).toBe(rollout.tokens.length)
          expect(c.accepted).toBe(sum(c.acceptedAt))
          expect(c.accepted + c.rejected).toBe(sum(c.testedAt))
          expect([c.testedAt.length, c.acceptedAt.length]).toEqual([draftLength, draftLength])
          for (const [i, tested] of c.testedAt.entries())
            expect(tested).toBeLessThanOrEqual(i === 0 ? c.blocks : c.acceptedAt[i - 1]!)
        }
      expect(blocks).toBeGreaterThan(1000)
      expect(cut).toBeGreaterThan(10)
      dispose()
    })
})

test("greedy: one pass of the draft gives exactly the counts of the runs, prompt by prompt, for every gamma", async () => {
  const { target, draft, dispose } = tablePair(6, 11, 0.8, 0, true)
  const prompts = randomPrompts(200, 6, 8, 3)
  const stop = (tokens: ReadonlyArray<number>) => tokens.length > 7 && tokens.at(-1)! < 2
  const { rollouts } = await generate(target, prompts, { maxNew: 19, eosId: 2 }, { stop })
  expect(new Set(rollouts.map(({ finish }) => finish)).size).toBe(3)
  const evidence = greedyEvidence(draft, rollouts)
  for (let draftLength = 0; draftLength <= 20; draftLength++) {
    const options = { temperature: 0, draftLength, maxNew: 19, eosId: 2 }
    const counts = decodedCounts({ target, draft, options, stop }, prompts)
    const plain = counts.map(({ blocks, accepted, rejected, emitted, testedAt, acceptedAt }): BlockCounts => {
      return { blocks, accepted, rejected, emitted, testedAt, acceptedAt }
    })
    expect(estimatedCounts(evidence, draftLength)).toEqual(plain)
    const context = { sampling: { temperature: 0 }, draftLength, dataset: "tables" }
    const record = acceptanceRecord(counts, context, "decoded")
    expect(estimateAcceptance(evidence, draftLength, "tables")).toEqual({ ...record, source: "teacher-forced" })
  }
  dispose()
})

for (const [name, instance] of architectures)
  test(`greedy, ${name}: the same for a transformer, whose products round`, async () => {
    const model = () => randomModel(Effect.runSync(instance))
    const [target, draft] = [model(), shake(model(), 0.05, 4)]
    const prompts = randomPrompts(6, VOCABULARY, 14, 6)
    const options = { maxNew: 16, eosId: 7 }
    const { rollouts } = await generate(target, prompts, options)
    const evidence = greedyEvidence(draft, rollouts, { batchTokens: 100 })
    for (const draftLength of [1, 2, 4, 8]) {
      const counts = (await speculate(target, modelProposer(draft), prompts, { ...options, draftLength })).map(
        (d) => d.counts,
      )
      for (const [i, estimated] of estimatedCounts(evidence, draftLength).entries())
        expect(counts[i]!).toMatchObject({ ...estimated })
      expect(Math.min(sum(counts.map((k) => k.accepted)), sum(counts.map((k) => k.rejected)))).toBeGreaterThan(5)
    }
    for (const m of [target, draft]) m.dispose()
  })

describe("sampled: counts of a pass and of runs have the same expectation", () => {
  const PROMPTS = 6000
  /** Standard errors. Without a true difference 1 in 15 000 comparisons exceeds them: 1 in 200 sets of the 69 below. */
  const Z = 4
  type Ratio = (counts: BlockCounts) => readonly [numerator: number, denominator: number]
  /**
   * The difference of two ratios of sums over prompts, and its standard error. Both ratios come from the same
   * independent prompts, so the error is that of the prompts' differences, by linear approximation.
   */
  const differenceOf = (a: ReadonlyArray<BlockCounts>, b: ReadonlyArray<BlockCounts>, of: Ratio) => {
    const [x, y] = [a, b].map((counts) => {
      const pairs = counts.map(of)
      const total = sum(pairs.map(([, d]) => d))
      const value = sum(pairs.map(([n]) => n)) / total
      return { value, residuals: pairs.map(([n, d]) => (n - value * d) / total) }
    })
    const error = Math.sqrt(sum(x!.residuals.map((r, i) => (r - y!.residuals[i]!) ** 2)))
    return { value: x!.value, difference: Math.abs(x!.value - y!.value), error }
  }
  const measures = (draftLength: number): Readonly<Record<string, Ratio>> => ({
    acceptance: (c) => [c.accepted, c.accepted + c.rejected],
    tau: (c) => [c.emitted, c.blocks],
    ...Object.fromEntries(
      Array.from({ length: draftLength }, (_, i): [string, Ratio] => [
        `acceptance at place ${i + 1}`,
        (c) => [c.acceptedAt[i]!, c.testedAt[i]!],
      ]),
    ),
  })
  const samplings: ReadonlyArray<Sampling> = [
    { temperature: 1 },
    { temperature: 0.7, topK: 4 },
    { temperature: 1.3, topP: 0.9 },
  ]
  for (const sampling of samplings)
    test(`${JSON.stringify(sampling)}: acceptance, tau and acceptance by place agree within ${Z} standard errors, for every gamma`, async () => {
      const { target, draft, dispose } = tablePair(6, 41, 0.8, 0, true)
      const prompts = randomPrompts(PROMPTS, 6, 5, 2)
      const { rollouts } = await generate(target, prompts, { ...sampling, maxNew: 20, eosId: 3, seed: 1 })
      const evidence = sampledEvidence(target, draft, rollouts, sampling)
      for (const draftLength of [1, 2, 4, 8]) {
        const options = { ...sampling, draftLength, maxNew: 20, eosId: 3, seed: 2 }
        const decoded = decodedCounts({ target, draft, options }, prompts)
        const estimated = estimatedCounts(evidence, draftLength)
        for (const [name, of] of Object.entries(measures(draftLength))) {
          const { value, difference, error } = differenceOf(decoded, estimated, of)
          expect([name, draftLength, difference < Z * error]).toEqual([name, draftLength, true])
          // The interval is narrow enough to be of use: acceptance within 2 points, tau within 5 %.
          if (name === "acceptance") expect(Z * error).toBeLessThan(0.02)
          if (name === "tau") expect(Z * error).toBeLessThan(0.05 * value)
        }
      }
      dispose()
    })

  test("measured alpha of first tokens is their teacher-forced sum min(p, q)", async () => {
    const { target, draft, dispose } = tablePair(6, 43, 0.8, 0, true)
    const sampling = { temperature: 0.9 }
    const prompts = randomPrompts(6000, 6, 5, 4)
    // One proposal, then the target's own token: only the first token of each text is tested.
    const options = { ...sampling, draftLength: 1, maxNew: 2, seed: 3 }
    const decoded = decodedCounts({ target, draft, options }, prompts)
    expect(decoded.every(({ testedAt, blocks }) => testedAt[0] === 1 && blocks <= 2)).toBe(true)
    const rollouts = prompts.map((prompt): Rollout => {
      return { prompt, tokens: Int32Array.of(0), finish: "length", limit: 1 }
    })
    const overlap = sampledEvidence(target, draft, rollouts, sampling).overlap!.map((o_T) => o_T[0]!)
    // For a fixed prompt each test is a coin whose chance is the overlap.
    const error = Math.sqrt(sum(overlap.map((o) => o * (1 - o)))) / prompts.length
    const difference = sum(decoded.map(({ accepted }, i) => accepted - overlap[i]!)) / prompts.length
    expect(Math.abs(difference)).toBeLessThan(Z * error)
    expect(Z * error).toBeLessThan(0.025)
    dispose()
  })
})
