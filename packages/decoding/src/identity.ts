/**
 * Compares two greedy decodings of the same prompts: are they identical, and how near were the choices where they
 * differ?
 */
import type { Rollout } from "@winnow/generation"
import type { Speculated } from "./speculate.ts"

/** The first difference of two texts. */
export interface Difference {
  readonly prompt: number
  readonly position: number
  readonly alone: number | undefined
  readonly withDraft: number | undefined
  /**
   * Top logit minus second of the verifying call there. A difference at a margin of rounding size (1e-4 or less of
   * logits of size 10) is a near tie: products of g + 1 rows and of one row add in another order. Anything above is a bug.
   */
  readonly margin: number
}

export interface Identity {
  readonly prompts: number
  readonly identical: number
  readonly differences: ReadonlyArray<Difference>
  /** Smallest margin over all emitted tokens: the nearest tie, even if it changed nothing. */
  readonly smallestMargin: number
}

/**
 * Compares greedy speculative output with the target's own.
 *
 * @param alone the target's rollouts of the same prompts under the same limits
 */
export const compareGreedy = (alone: ReadonlyArray<Rollout>, withDraft: ReadonlyArray<Speculated>): Identity => {
  if (alone.length !== withDraft.length)
    throw new Error(
      `${alone.length} rollouts of the target and ${withDraft.length} with a draft: give the same prompts`,
    )
  const differences: Array<Difference> = []
  let smallestMargin = Number.POSITIVE_INFINITY
  for (const [prompt, { rollout, margins }] of withDraft.entries()) {
    for (const margin of margins) smallestMargin = Math.min(smallestMargin, margin)
    const [a, b] = [alone[prompt]!.tokens, rollout.tokens]
    const longer = Math.max(a.length, b.length)
    let position = 0
    while (position < longer && a[position] === b[position]) position++
    if (position === longer) continue
    const margin = margins[position] ?? Number.NaN
    differences.push({ prompt, position, alone: a[position], withDraft: b[position], margin })
  }
  return { prompts: alone.length, identical: alone.length - differences.length, differences, smallestMargin }
}
