/**
 * Greedy identity on 500 problems of GSM8K, with end token, stop string and length limit inside blocks, for two small
 * transformers; the target accepts the draft often but not always. Needs WINNOW_DATA.
 */
import { describe, expect, test } from "bun:test"
import type { Proposer } from "@winnow/core"
import { atOnce } from "@winnow/files"
import { argmaxWithMargin, GenerateSession, generate, type Rollout } from "@winnow/generation"
import { ngram } from "@winnow/proposer-ngram"
import { native, tf, withoutNative } from "@winnow/tensor"
import { Effect } from "effect"
import {
  decodeOne,
  gammas,
  identityLine,
  identitySetting,
  maxNew,
  measureIdentity,
  moreOf,
} from "../../test/greedy-identity.ts"
import { missing } from "../../test/real-prompts.ts"
import { estimatedCounts } from "../acceptance.ts"
import { greedyEvidence } from "../evidence.ts"
import { evidenceOnGreedy } from "../evidence-of.ts"
import { compareGreedy } from "../identity.ts"
import type { Speculated } from "../speculate.ts"
import { passOptions, teacherForced } from "../teacher-forced.ts"
import { treeProposer } from "../tree/tree-proposer.ts"

const PROMPTS = 500
/** Of these, prompts that are also decoded with look-up. */
const LOOKED_UP = 300
/** Of these, prompts that are also decoded by plain ops, which take about fifty times as long. */
const PLAIN_PROMPTS = 50
/** A hundred times the rounding of single precision in logits of this size. */
const NEAR_TIE = 1e-3

const skipped = missing === undefined ? "" : ` (skipped: ${missing})`

describe.skipIf(missing !== undefined)(`greedy identity on real prompts${skipped}`, () => {
  test.skipIf(native() === undefined)("natively: every text is the target's own, to the bit", async () => {
    const before = tf.memory().numTensors
    const setting = await identitySetting(PROMPTS)
    const { target, draft, prompts, eosId, stop } = setting
    const { rollouts } = await generate(target, prompts, { maxNew, eosId }, { stop })
    const evidence = greedyEvidence(draft, rollouts)
    const nearest = smallestMargins(draft, rollouts)
    for (const gamma of gammas) {
      const { row, done, counts } = measureIdentity(setting, rollouts, gamma)
      const { acceptance, endedInside } = row
      console.log(identityLine("native", gamma, row, moreOf(row)))
      expect(row).toMatchObject({ prompts: PROMPTS, identical: PROMPTS })
      expect(done.map(({ rollout }) => rollout)).toEqual([...rollouts])
      if (acceptance !== null) {
        expect(acceptance).toBeGreaterThan(0.4)
        expect(acceptance).toBeLessThan(0.9)
        expect(Math.min(...Object.values(endedInside))).toBeGreaterThan(50)
      }
      for (const [i, estimated] of estimatedCounts(evidence, gamma).entries()) {
        // The pass has other shapes than decoding: only a near tie of the draft may differ.
        if (nearest[i]! > NEAR_TIE) expect(counts[i]).toMatchObject({ ...estimated })
      }
    }
    expect(nearest.filter((margin) => margin > NEAR_TIE).length).toBeGreaterThan(0.9 * PROMPTS)
    setting.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })

  test.skipIf(native() === undefined)(
    "with look-up instead of a draft: the same, and counts equal a replay's exactly",
    async () => {
      const before = tf.memory().numTensors
      const whole = await identitySetting(PROMPTS)
      const setting = { ...whole, prompts: whole.prompts.slice(0, LOOKED_UP) }
      const { target, prompts, eosId, stop } = setting
      const { rollouts } = await generate(target, prompts, { maxNew, eosId }, { stop })
      const proposer = await Effect.runPromise(ngram().instance)
      const evidence = atOnce(evidenceOnGreedy(target, proposer, rollouts, { eosId, longest: 8 })!)
      for (const gamma of gammas) {
        const { row, done, counts } = measureIdentity({ ...setting, proposer }, rollouts, gamma)
        console.log(identityLine("native, look-up", gamma, row, moreOf(row)))
        expect(row).toMatchObject({ prompts: LOOKED_UP, identical: LOOKED_UP })
        expect(done.map(({ rollout }) => rollout)).toEqual([...rollouts])
        for (const [i, estimated] of estimatedCounts(evidence, gamma).entries())
          expect(counts[i]).toMatchObject({ ...estimated })
        // Random weights seldom repeat themselves: nearly all proposals are rejected, which tests roll-back.
        if (gamma > 0) expect(Math.min(row.accepted, row.rejected / 50)).toBeGreaterThan(4)
      }
      setting.dispose()
      expect(tf.memory().numTensors).toBe(before)
    },
  )

  test.skipIf(native() === undefined)(
    "with trees of the draft: the same, and a tree accepts more than the chain of its longest path",
    async () => {
      const before = tf.memory().numTensors
      const whole = await identitySetting(PROMPTS)
      const setting = { ...whole, prompts: whole.prompts.slice(0, LOOKED_UP) }
      const { target, draft, prompts, eosId, stop } = setting
      const { rollouts } = await generate(target, prompts, { maxNew, eosId }, { stop })
      const blocks = (proposer: Proposer, gamma: number, name: string) => {
        const { row, done, counts } = measureIdentity({ ...setting, proposer }, rollouts, gamma)
        console.log(identityLine(`native, ${name}`, gamma, row, moreOf(row)))
        expect(row).toMatchObject({ prompts: LOOKED_UP, identical: LOOKED_UP })
        expect(done.map(({ rollout }) => rollout)).toEqual([...rollouts])
        expect(Math.min(...Object.values(row.endedInside))).toBeGreaterThan(25)
        return counts.reduce((sum, { blocks }) => sum + blocks, 0)
      }
      const chain = blocks(setting.proposer, 3, "chain")
      for (const tree of [{ widths: [3, 2, 1] }, { nodes: 12, width: 4, depth: 3 }])
        expect(blocks(treeProposer(draft, tree), 3, JSON.stringify(tree))).toBeLessThan(0.95 * chain)
      setting.dispose()
      expect(tf.memory().numTensors).toBe(before)
    },
  )

  test("by plain ops, on a few prompts: a text differs at near ties only, and its margin is reported", async () => {
    const setting = await identitySetting(PROMPTS)
    const { target, prompts, eosId, stop } = setting
    withoutNative(() => {
      const alone = new GenerateSession(target, prompts.slice(0, PLAIN_PROMPTS), { maxNew, eosId }, stop)
      while (alone.step());
      alone.dispose()
      for (const gamma of gammas) {
        const done: ReadonlyArray<Speculated> = prompts.slice(0, PLAIN_PROMPTS).map((p) => decodeOne(setting, p, gamma))
        const identity = compareGreedy(alone.rollouts, done)
        console.log(identityLine("plain", gamma, identity))
        for (const { margin } of identity.differences) expect(margin).toBeLessThan(NEAR_TIE)
        expect(identity.identical).toBeGreaterThan(0.9 * PLAIN_PROMPTS)
      }
    })
    setting.dispose()
  })
})

/** The smallest margin of each rollout, by its model. */
const smallestMargins = (model: Parameters<typeof teacherForced>[0][number], rollouts: ReadonlyArray<Rollout>) => {
  const smallest = rollouts.map(() => Number.POSITIVE_INFINITY)
  const pass = teacherForced([model], rollouts, passOptions.assert({}), ({ logits_RV, rollout_R }) => {
    for (const [r, margin] of argmaxWithMargin(logits_RV[0]!).margin.entries())
      smallest[rollout_R[r]!] = Math.min(smallest[rollout_R[r]!]!, margin)
  })
  atOnce(pass)
  return smallest
}
