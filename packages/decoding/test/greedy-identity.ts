/**
 * Compares greedy texts with a draft to the target's own, on real prompts with ends inside blocks; for test and record.
 */

import type { Proposer } from "@winnow/core"
import { generate, type Rollout, stopAtText } from "@winnow/generation"
import { acceptanceRecord } from "../src/acceptance.ts"
import { compareGreedy, type Identity } from "../src/identity.ts"
import { modelProposer } from "../src/model-proposer.ts"
import { SpeculativeSession } from "../src/speculative.ts"
import { endToken, noisedPair, realPrompts, stopString } from "./real-prompts.ts"

/** Most new tokens of a text. */
export const maxNew = 24
/** Draft lengths gamma; 0 is the target alone, token by token. */
export const gammas: ReadonlyArray<number> = [0, 1, 2, 4, 8]

/** Two models and prompts, with an end token and a stop string that each end about a third of the texts. */
export const identitySetting = async (count: number) => {
  const { prompts, tokenizer } = await realPrompts(count)
  const models = noisedPair(tokenizer.vocabularySize, 0.006)
  const free = (await generate(models.target, prompts, { maxNew })).rollouts
  const eosId = endToken(free)
  const text = stopString(
    free.filter(({ tokens }) => !tokens.includes(eosId)),
    tokenizer,
  )
  const stop = stopAtText([text], tokenizer.decode)
  const proposer: Proposer = modelProposer(models.draft)
  return { ...models, proposer, prompts, eosId, stop }
}
export type IdentitySetting = Awaited<ReturnType<typeof identitySetting>>

/** Decodes one prompt, and notes if its text ended before its last block did. */
export const decodeOne = (
  { target, proposer, eosId, stop }: IdentitySetting,
  prompt: Int32Array,
  draftLength: number,
) => {
  const session = new SpeculativeSession(target, proposer, prompt, { draftLength, maxNew, eosId }, stop)
  let began = 0
  do began = session.counts.emitted
  while (session.step())
  session.dispose()
  const { rollout, counts, timing, margins } = session
  // An end token or stop string was drafted and accepted; the length limit fell inside a block of full length.
  const inside = rollout.finish === "length" ? began + draftLength + 1 > maxNew : counts.untruncated > counts.emitted
  return { rollout, counts, timing, margins, inside }
}

/** One draft length over all prompts. */
export interface IdentityRow extends Identity {
  readonly gamma: number
  readonly accepted: number
  readonly rejected: number
  /** accepted / (accepted + rejected), over all prompts; null where nothing was proposed. */
  readonly acceptance: number | null
  /** Texts that ended inside a block, by the cause. */
  readonly endedInside: Readonly<Record<Rollout["finish"], number>>
}

/** Decodes all prompts natively at one draft length and compares them with `rollouts`; also returns each decoding. */
export const measureIdentity = (setting: IdentitySetting, rollouts: ReadonlyArray<Rollout>, gamma: number) => {
  const done = setting.prompts.map((prompt) => decodeOne(setting, prompt, gamma))
  const counts = done.map((d) => d.counts)
  const context = { sampling: { temperature: 0 }, draftLength: gamma, dataset: "gsm8k/test" }
  const { acceptance } = acceptanceRecord(counts, context, "decoded")
  const endedInside = { eos: 0, stop: 0, length: 0 }
  for (const { rollout, inside } of done) if (inside) endedInside[rollout.finish]++
  const row: IdentityRow = {
    gamma,
    ...compareGreedy(rollouts, done),
    accepted: counts.reduce((sum, c) => sum + c.accepted, 0),
    rejected: counts.reduce((sum, c) => sum + c.rejected, 0),
    acceptance: acceptance?.pooled ?? null,
    endedInside,
  }
  return { row, done, counts }
}

/** A line with the result. */
export const identityLine = (path: string, gamma: number, identity: Identity, more = ""): string => {
  const { prompts, identical, smallestMargin, differences } = identity
  const margins = differences.map(({ margin }) => margin.toExponential(1)).join(" ")
  const apart = margins === "" ? "" : `, differences at margins ${margins}`
  return `${path}, gamma ${gamma}: ${identical} of ${prompts} texts identical, smallest margin ${smallestMargin.toExponential(1)}${apart}${more}`
}

/** The rest of the line for native decoding. */
export const moreOf = ({ acceptance, endedInside }: IdentityRow): string =>
  `, acceptance ${acceptance?.toFixed(3) ?? "of nothing"}, ended inside a block: ${JSON.stringify(endedInside)}`
