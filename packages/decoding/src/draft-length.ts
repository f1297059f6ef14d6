/**
 * How many tokens a block proposes: a fixed number, or the best number by the blocks so far.
 *
 * Letters: alpha chance that a drafted token is accepted, gamma draft length, c cost of a draft call over a target call.
 */
import { type } from "arktype"
import { expectedSpeedup } from "./formulas.ts"

/** The option: gamma itself, or the rule that chooses it during decoding. */
export const draftLengthOption = type("number.integer >= 0").or({
  "+": "reject",
  /** Longest block. 8: a longer block pays only for a draft that is nearly always right. */
  most: "1 <= number.integer <= 64 = 8",
  /**
   * c. Set: all runs have the same lengths. Left out: measured during decoding, and until then the ratio of parameters.
   */
  "costRatio?": "number > 0",
})

export type DraftLengthOption = typeof draftLengthOption.infer

/** Weight factor of a tested block for each later block: about twenty blocks count, because texts change. */
const KEEP = 0.95
/** The estimate before any test counts as four tests of which three passed. */
const PRIOR = { accepted: 3, tested: 4 }

/**
 * The gamma from 1 to `most` with the largest expected speed-up, (1 - alpha^(gamma+1)) / ((1 - alpha)(gamma c + 1));
 * the smallest of several maxima. Never 0, as only tests give information on alpha.
 *
 * @source Leviathan et al. 2211.17192, theorem 3.8; the running choice is own
 */
export const bestDraftLength = (alpha: number, c: number, most: number): number => {
  let [best, highest] = [1, expectedSpeedup(alpha, 1, c)]
  for (let gamma = 2; gamma <= most; gamma++) {
    const speedup = expectedSpeedup(alpha, gamma, c)
    if (speedup > highest) [best, highest] = [gamma, speedup]
  }
  return best
}

/**
 * The draft length of each block of one text.
 *
 * It depends on finished blocks only, never on tokens that are still to be tested. So the tokens of a block of any
 * length have the target's distribution given the text before it, and so has the whole text.
 */
export class DraftLength {
  #accepted = PRIOR.accepted
  #tested = PRIOR.tested

  /** @param parameterRatio stands for c until c is measured */
  constructor(
    readonly option: DraftLengthOption,
    readonly parameterRatio: number,
  ) {}

  /** The longest possible block. */
  get most(): number {
    return typeof this.option === "number" ? this.option : this.option.most
  }

  /** The running estimate of alpha: accepted over tested, with less weight on older blocks. */
  get acceptance(): number {
    return this.#accepted / this.#tested
  }

  /** Updates the estimate by a block's tested tokens. */
  learn(accepted: number, rejected: number): void {
    this.#accepted = KEEP * this.#accepted + accepted
    this.#tested = KEEP * this.#tested + accepted + rejected
  }

  /** The length of the next block. @param measuredCostRatio measured on the blocks so far, if they were timed */
  next(measuredCostRatio: number | undefined): number {
    const { option } = this
    if (typeof option === "number") return option
    const c = option.costRatio ?? measuredCostRatio ?? this.parameterRatio
    return bestDraftLength(this.acceptance, c, option.most)
  }
}
