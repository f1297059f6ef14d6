/**
 * Greedy identity on 500 problems of GSM8K, with end token, stop string and length limit inside blocks, for two small
 * transformers whose draft is accepted often but not always. Needs WINNOW_DATA.
 */
import { describe, expect, test } from "bun:test"
import { native, tf, withoutNative } from "@winnow/tensor"
import { endToken, missing, noisedPair, realPrompts, stopString } from "../../test/real-prompts.ts"
import { acceptanceRecord, estimatedCounts } from "../acceptance.ts"
import { greedyEvidence } from "../evidence.ts"
import { GenerateSession, generate } from "../generate.ts"
import { argmaxWithMargin } from "../head.ts"
import { compareGreedy, type Identity } from "../identity.ts"
import type { Rollout } from "../rollout.ts"
import type { Speculated } from "../speculate.ts"
import { SpeculativeSession } from "../speculative.ts"
import { stopAtText } from "../stop-text.ts"
import { passOptions, teacherForced } from "../teacher-forced.ts"

const PROMPTS = 500
/** Of them by plain ops, which take some fifty times as long. */
const PLAIN_PROMPTS = 50
const maxNew = 24
const gammas = [0, 1, 2, 4, 8]
/** Rounding of single precision in logits of this size, a hundred times over. */
const NEAR_TIE = 1e-3

const say = (path: string, gamma: number, { prompts, identical, smallestMargin, differences }: Identity, more = "") => {
  const margins = differences.map(({ margin }) => margin.toExponential(1)).join(" ")
  const apart = margins === "" ? "" : `, differences at margins ${margins}`
  console.log(
    `${path}, gamma ${gamma}: ${identical} of ${prompts} texts identical, smallest margin ${smallestMargin.toExponential(1)}${apart}${more}`,
  )
}

const skipped = missing === undefined ? "" : ` (skipped: ${missing})`

describe.skipIf(missing !== undefined)(`greedy identity on real prompts${skipped}`, () => {
  const setUp = async () => {
    const { prompts, tokenizer } = await realPrompts(PROMPTS)
    const models = noisedPair(tokenizer.vocabularySize, 0.006)
    const free = (await generate(models.target, prompts, { maxNew })).rollouts
    const eosId = endToken(free)
    const text = stopString(
      free.filter(({ tokens }) => !tokens.includes(eosId)),
      tokenizer,
    )
    const stop = stopAtText([text], tokenizer.decode)
    return { ...models, prompts, eosId, stop }
  }
  type SetUp = Awaited<ReturnType<typeof setUp>>

  /** Decodes one prompt, and says whether its text ended before its last block did. */
  const decode = ({ target, draft, eosId, stop }: SetUp, prompt: Int32Array, draftLength: number) => {
    const session = new SpeculativeSession(target, draft, prompt, { draftLength, maxNew, eosId }, stop)
    let began = 0
    do began = session.counts.emitted
    while (session.step())
    session.dispose()
    const { rollout, counts, timing, margins } = session
    // An end token or stop string: drafted and accepted. The limit: where a block of full length would have passed it.
    const inside = rollout.finish === "length" ? began + draftLength + 1 > maxNew : counts.untruncated > counts.emitted
    return { rollout, counts, timing, margins, inside }
  }

  test.skipIf(native() === undefined)(
    "natively: every text is the target's own, to the bit",
    async () => {
      const before = tf.memory().numTensors
      const setting = await setUp()
      const { target, draft, prompts, eosId, stop } = setting
      const { rollouts } = await generate(target, prompts, { maxNew, eosId }, { stop })
      const evidence = greedyEvidence(draft, rollouts)
      const nearest = smallestMargins(draft, rollouts)
      for (const gamma of gammas) {
        const done = prompts.map((prompt) => decode(setting, prompt, gamma))
        const identity = compareGreedy(rollouts, done)
        const counts = done.map((d) => d.counts)
        const context = { sampling: { temperature: 0 }, draftLength: gamma, dataset: "gsm8k/test" }
        const { acceptance } = acceptanceRecord(counts, context, "decoded")
        const ends = { eos: 0, stop: 0, length: 0 }
        for (const { rollout, inside } of done) if (inside) ends[rollout.finish]++
        const accepted = acceptance?.pooled.toFixed(3) ?? "of nothing"
        say("native", gamma, identity, `, acceptance ${accepted}, ended inside a block: ${JSON.stringify(ends)}`)
        expect(identity).toMatchObject({ prompts: PROMPTS, identical: PROMPTS })
        expect(done.map(({ rollout }) => rollout)).toEqual([...rollouts])
        if (acceptance !== null) {
          expect(acceptance.pooled).toBeGreaterThan(0.4)
          expect(acceptance.pooled).toBeLessThan(0.9)
          expect(Math.min(...Object.values(ends))).toBeGreaterThan(50)
        }
        for (const [i, estimated] of estimatedCounts(evidence, gamma).entries()) {
          // The pass is of other shapes than decoding: a near tie of the draft may fall the other way, nothing else may.
          if (nearest[i]! > NEAR_TIE) expect(counts[i]).toMatchObject({ ...estimated })
        }
      }
      expect(nearest.filter((margin) => margin > NEAR_TIE).length).toBeGreaterThan(0.9 * PROMPTS)
      setting.dispose()
      expect(tf.memory().numTensors).toBe(before)
    },
    60_000,
  )

  test("by plain ops, a few of the prompts: a text differs at near ties only, with its margin", async () => {
    const setting = await setUp()
    const { target, prompts, eosId, stop } = setting
    withoutNative(() => {
      const alone = new GenerateSession(target, prompts.slice(0, PLAIN_PROMPTS), { maxNew, eosId }, stop)
      while (alone.step());
      alone.dispose()
      for (const gamma of gammas) {
        const done: ReadonlyArray<Speculated> = prompts.slice(0, PLAIN_PROMPTS).map((p) => decode(setting, p, gamma))
        const identity = compareGreedy(alone.rollouts, done)
        say("plain", gamma, identity)
        for (const { margin } of identity.differences) expect(margin).toBeLessThan(NEAR_TIE)
        expect(identity.identical).toBeGreaterThan(0.9 * PLAIN_PROMPTS)
      }
    })
    setting.dispose()
  }, 60_000)
})

/** Of each rollout, how near its model came to a tie. */
const smallestMargins = (model: Parameters<typeof teacherForced>[0][number], rollouts: ReadonlyArray<Rollout>) => {
  const smallest = rollouts.map(() => Number.POSITIVE_INFINITY)
  teacherForced([model], rollouts, passOptions.assert({}), ({ logits_RV, rollout_R }) => {
    for (const [r, margin] of argmaxWithMargin(logits_RV[0]!).margin.entries())
      smallest[rollout_R[r]!] = Math.min(smallest[rollout_R[r]!]!, margin)
  })
  return smallest
}
