/** The record of a target's acceptance of a draft: figures with their conditions. */
import type { Sampling } from "@winnow/core"
import { expectedCounts, expectedCountsByPlace, replayedCounts } from "./block-structure.ts"
import { acceptanceOf, type BlockCounts, blockEfficiencyOf, type Figure, figure, sumCounts } from "./counts.ts"
import type { Evidence } from "./evidence.ts"

export interface Acceptance {
  readonly decoding: "greedy" | "sampled"
  readonly temperature: number
  readonly topK: number | null
  readonly topP: number | null
  /** The draft length gamma. */
  readonly draftLength: number
  /** Data set and split of the prompts. */
  readonly dataset: string
  /** Counted during decoding, or computed by a pass over the target's own rollouts. */
  readonly source: "decoded" | "teacher-forced"
  readonly prompts: number
  /** accepted + rejected: the denominator of `acceptance`. An expected number if sampled and teacher-forced. */
  readonly testedTokens: number
  readonly emittedTokens: number
  readonly blocks: number
  /** accepted / (accepted + rejected); with greedy decoding the greedy acceptance. Null if nothing was tested (gamma 0). */
  readonly acceptance: Figure | null
  /** Acceptance at each place in a block: it shows where a draft fails. One entry for each possible place. */
  readonly byPosition: ReadonlyArray<PositionAcceptance>
  /** Mean over positions of sum_v min(p_v, q_v) on the target's own samples; null when greedy or not computed. */
  readonly expectedAcceptance: Figure | null
  /** Mean over the same positions of KL(p || q), nats, at the temperature but before top-k and top-p; null as above. */
  readonly draftKl: Figure | null
  /** tau: tokens a target call, the target's own included, 1 to gamma + 1. Null without prompts. */
  readonly blockEfficiency: Figure | null
}

/** Acceptance at one place in a block, over all prompts. */
export interface PositionAcceptance {
  /** Place of the token, counted from 1, the first token that a block proposes. */
  readonly position: number
  /** Tokens tested at this place: the target accepted all before them. Expected if sampled and teacher-forced. */
  readonly tested: number
  /** Accepted over tested; null if nothing was tested. */
  readonly acceptance: number | null
}

/** Means over all positions of texts that the target sampled, including untested positions. */
export interface PositionMeans {
  readonly expectedAcceptance: Figure | null
  readonly draftKl: Figure | null
}

/** The conditions of the counts. */
export interface AcceptanceContext {
  readonly sampling: Sampling
  readonly draftLength: number
  readonly dataset: string
}

/** Makes the record from the counts, one for each prompt. */
export const acceptanceRecord = (
  counts: ReadonlyArray<BlockCounts>,
  { sampling, draftLength, dataset }: AcceptanceContext,
  source: Acceptance["source"],
  { expectedAcceptance, draftKl }: PositionMeans = { expectedAcceptance: null, draftKl: null },
): Acceptance => {
  const { blocks, accepted, rejected, emitted, testedAt, acceptedAt } = sumCounts(counts)
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
    byPosition: testedAt.map((tested, i) => ({
      position: i + 1,
      tested,
      acceptance: tested === 0 ? null : acceptedAt[i]! / tested,
    })),
    expectedAcceptance,
    draftKl,
    blockEfficiency: blockEfficiencyOf(counts),
  }
}

/**
 * Counts of each rollout at a draft length. Paired statistics over prompts resample them.
 *
 * @error RangeError for blocks longer than the replay's room
 */
export const estimatedCounts = (evidence: Evidence, draftLength: number): ReadonlyArray<BlockCounts> => {
  const { rollouts } = evidence
  if (evidence.kind === "pass") {
    const { chance, readable } = evidence
    return rollouts.map(({ limit }, i) => expectedCounts(chance[i]!, { draftLength, limit, readable: readable[i]! }))
  }
  const { longest, blind = 0 } = evidence
  if (draftLength > longest)
    throw new RangeError(
      `blocks of ${draftLength} tokens, but the replay had room for ${longest}; replay with more room`,
    )
  if (evidence.kind === "places")
    return rollouts.map(({ limit }, i) =>
      expectedCountsByPlace(evidence.chance[i]!, longest, { draftLength, limit, blind }),
    )
  const { proposed, agreed } = evidence
  return rollouts.map(({ limit }, i) => replayedCounts(proposed[i]!, agreed[i]!, { draftLength, limit, blind }))
}

/** Mean over positions: over all of them, and by prompt. */
const meanOf = (values: ReadonlyArray<Float64Array> | null): Figure | null =>
  values && figure(values.map((x_T) => [x_T.reduce((a, b) => a + b, 0), x_T.length]))

/** Mean over positions of the overlap; null when greedy. */
export const expectedAcceptanceOf = ({ overlap }: Evidence): Figure | null => meanOf(overlap)

/** Mean over positions of KL(p || q), nats; null when greedy. */
export const draftKlOf = ({ kl }: Evidence): Figure | null => meanOf(kl)

/**
 * Acceptance and tau at a draft length, computed from evidence: the figures that decoding these prompts would give.
 *
 * Greedy: exactly the counts of a speculative run. Sampled: their expectation over the given samples of the target.
 */
export const estimateAcceptance = (evidence: Evidence, draftLength: number, dataset: string): Acceptance =>
  acceptanceRecord(
    estimatedCounts(evidence, draftLength),
    { sampling: evidence.sampling, draftLength, dataset },
    "teacher-forced",
    { expectedAcceptance: expectedAcceptanceOf(evidence), draftKl: draftKlOf(evidence) },
  )
