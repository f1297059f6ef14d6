/** The one record of how well a target accepts a draft: a figure never goes without what it depends on. */

import { expectedCounts } from "./block-structure.ts"
import { acceptanceOf, type BlockCounts, blockEfficiencyOf, type Figure, figure, sumCounts } from "./counts.ts"
import type { Evidence } from "./evidence.ts"
import type { Sampling } from "./sampling.ts"

export interface Acceptance {
  readonly decoding: "greedy" | "sampled"
  readonly temperature: number
  readonly topK: number | null
  readonly topP: number | null
  /** gamma. */
  readonly draftLength: number
  /** The data set and split that the prompts are of. */
  readonly dataset: string
  /** Counted while decoding, or computed from a pass over the target's own rollouts. */
  readonly source: "decoded" | "teacher-forced"
  readonly prompts: number
  /** accepted + rejected: what `acceptance` is a mean over. An expected number if sampled and teacher-forced. */
  readonly testedTokens: number
  readonly emittedTokens: number
  readonly blocks: number
  /** accepted / (accepted + rejected); with greedy decoding the greedy acceptance. Null if nothing was tested (gamma 0). */
  readonly acceptance: Figure | null
  /** Mean over positions of sum_v min(p_v, q_v) on the target's own samples; null when greedy or not computed. */
  readonly expectedAcceptance: Figure | null
  /** tau: tokens a target call, the target's own included, 1 to gamma + 1. Null without prompts. */
  readonly blockEfficiency: Figure | null
}

/** What the counts were made under. */
export interface AcceptanceContext {
  readonly sampling: Sampling
  readonly draftLength: number
  readonly dataset: string
}

/** The record of counts, one a prompt. */
export const acceptanceRecord = (
  counts: ReadonlyArray<BlockCounts>,
  { sampling, draftLength, dataset }: AcceptanceContext,
  source: Acceptance["source"],
  expectedAcceptance: Figure | null = null,
): Acceptance => {
  const { blocks, accepted, rejected, emitted } = sumCounts(counts)
  const greedy = sampling.temperature === 0
  return {
    decoding: greedy ? "greedy" : "sampled",
    temperature: sampling.temperature,
    topK: greedy ? null : (sampling.topK ?? null),
    topP: greedy ? null : (sampling.topP ?? null),
    draftLength,
    dataset,
    source,
    prompts: counts.length,
    testedTokens: accepted + rejected,
    emittedTokens: emitted,
    blocks,
    acceptance: acceptanceOf(counts),
    expectedAcceptance,
    blockEfficiency: blockEfficiencyOf(counts),
  }
}

/** Counts of each rollout at a draft length: what paired statistics over prompts resample. */
export const estimatedCounts = ({ rollouts, chance }: Evidence, draftLength: number): ReadonlyArray<BlockCounts> =>
  rollouts.map(({ limit }, i) => expectedCounts(chance[i]!, { draftLength, limit }))

/** Mean over positions of the overlap, over all positions and by prompt; null when greedy. */
export const expectedAcceptanceOf = ({ overlap }: Evidence): Figure | null =>
  overlap === null ? null : figure(overlap.map((o_T) => [o_T.reduce((a, b) => a + b, 0), o_T.length]))

/**
 * Acceptance and tau at a draft length, from evidence: what decoding these prompts would give.
 *
 * Greedy: exactly the counts of a speculative run. Sampled: their expectation, given texts that the target sampled.
 */
export const estimateAcceptance = (evidence: Evidence, draftLength: number, dataset: string): Acceptance =>
  acceptanceRecord(
    estimatedCounts(evidence, draftLength),
    { sampling: evidence.sampling, draftLength, dataset },
    "teacher-forced",
    expectedAcceptanceOf(evidence),
  )
