/** The counts of speculative decoding, and one figure from the counts of many prompts. */

/**
 * Counts of one prompt: numbers of events if the text was decoded, expected numbers if they were estimated.
 *
 * A tested token is a drafted token that the target judged: it was accepted, or its rejection ended the block. Tokens
 * drafted after a rejection, tokens after the end of the text, and the target's own token are not tested.
 */
export interface BlockCounts {
  /** Target calls. */
  readonly blocks: number
  /** Drafted tokens that became text. */
  readonly accepted: number
  /** Drafted tokens that the target replaced; at most one a block. */
  readonly rejected: number
  /** Tokens of text: accepted ones and the target's own. */
  readonly emitted: number
  /** How often a token was tested at each place in a block, from 0. Its sum is accepted + rejected. */
  readonly testedAt: ReadonlyArray<number>
  /** How often a token was accepted at each place; as long as `testedAt`. */
  readonly acceptedAt: ReadonlyArray<number>
}

export const noCounts: BlockCounts = { blocks: 0, accepted: 0, rejected: 0, emitted: 0, testedAt: [], acceptedAt: [] }

/** Sums the counts of several prompts; their blocks may differ in length. */
export const sumCounts = (counts: Iterable<BlockCounts>): BlockCounts => {
  const sum = { ...noCounts, testedAt: [] as number[], acceptedAt: [] as number[] }
  for (const c of counts) {
    sum.blocks += c.blocks
    sum.accepted += c.accepted
    sum.rejected += c.rejected
    sum.emitted += c.emitted
    addTo(sum.testedAt, c.testedAt)
    addTo(sum.acceptedAt, c.acceptedAt)
  }
  return sum
}

const addTo = (sum: Array<number>, values: ReadonlyArray<number>): void => {
  for (const [i, value] of values.entries()) sum[i] = (sum[i] ?? 0) + value
}

/** One figure over prompts, computed in two ways. They differ when long answers are easier than short ones. */
export interface Figure {
  /** Sum of numerators over sum of denominators: each token weighs the same. */
  readonly pooled: number
  /** Mean of the prompts' own ratios, without prompts whose denominator is 0. */
  readonly perPrompt: number
}

/**
 * The figure of ratios, each a pair of numerator and denominator for one prompt.
 *
 * @returns null if no prompt has a denominator above 0
 */
export const figure = (pairs: ReadonlyArray<readonly [numerator: number, denominator: number]>): Figure | null => {
  const used = pairs.filter(([, denominator]) => denominator > 0)
  if (used.length === 0) return null
  let [numerators, denominators, ratios] = [0, 0, 0]
  for (const [numerator, denominator] of used) {
    numerators += numerator
    denominators += denominator
    ratios += numerator / denominator
  }
  return { pooled: numerators / denominators, perPrompt: ratios / used.length }
}

/** accepted / (accepted + rejected). */
export const acceptanceOf = (counts: ReadonlyArray<BlockCounts>): Figure | null =>
  figure(counts.map((c) => [c.accepted, c.accepted + c.rejected]))

/** tau: tokens of text per target call. */
export const blockEfficiencyOf = (counts: ReadonlyArray<BlockCounts>): Figure | null =>
  figure(counts.map((c) => [c.emitted, c.blocks]))
