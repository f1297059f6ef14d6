/** The counts of speculative decoding, and how counts of many prompts become one figure. */

/**
 * Counts of one prompt. Numbers of events where text was decoded, expected numbers where they were estimated.
 *
 * A tested token is a drafted token that the target judged: accepted, or the one rejected that ends its block. Tokens
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
  /** For each place in a block, from 0: how often a token was tested there. Its sum is accepted + rejected. */
  readonly testedAt: ReadonlyArray<number>
  /** The same for acceptances; as long as `testedAt`. */
  readonly acceptedAt: ReadonlyArray<number>
}

export const noCounts: BlockCounts = { blocks: 0, accepted: 0, rejected: 0, emitted: 0, testedAt: [], acceptedAt: [] }

/** Counts of several prompts together, also of blocks that may differ in length. */
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

/** One figure over prompts, in both ways: they differ when long answers are easier than short ones. */
export interface Figure {
  /** Sum of numerators over sum of denominators: each token weighs the same. */
  readonly pooled: number
  /** Mean over prompts of the prompt's own ratio; prompts with an empty denominator are left out. */
  readonly perPrompt: number
}

/**
 * The figure of ratios given by numerator and denominator, one pair a prompt.
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

/** tau: tokens of text a target call. */
export const blockEfficiencyOf = (counts: ReadonlyArray<BlockCounts>): Figure | null =>
  figure(counts.map((c) => [c.emitted, c.blocks]))
