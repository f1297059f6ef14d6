/**
 * How many tokens a block proposes: a fixed number, or the best one by what was seen so far.
 *
 * Letters: alpha chance that a drafted token is accepted, gamma draft length, c cost of a draft call over a target call.
 */
import { type } from "arktype"
import { expectedSpeedup } from "./formulas.ts"

/** The option: gamma itself, or how it is chosen as decoding runs. */
export const draftLengthOption = type("number.integer >= 0").or({
  "+": "reject",
  /** Longest block. 8: beyond it a block pays only for a draft that is nearly always right. */
  most: "1 <= number.integer <= 64 = 8",
  /** c. Given: the same lengths in every run. Left out: measured as it runs, the ratio of parameters until then. */
  "costRatio?": "number > 0",
})

export type DraftLengthOption = typeof draftLengthOption.infer

/** The factor on the weight of a tested block with each block after it: some twenty blocks count, as texts change. */
const KEEP = 0.95
/** Before anything was tested: as good as four tests of which three passed. */
const PRIOR = { accepted: 3, tested: 4 }

/**
 * The gamma from 1 to `most` with the largest expected speed-up, (1 - alpha^(gamma+1)) / ((1 - alpha)(gamma c + 1)); of equal
 * ones the smallest. Not 0: without a test nothing would be learnt of alpha.
 *
 * @source Leviathan et al. 2211.17192, theorem 3.8; the running choice is own
 */
export const bestDraftLength = (alpha: number, c: number, most: number): number => {
  let [best, found] = [1, expectedSpeedup(alpha, 1, c)]
  for (let gamma = 2; gamma <= most; gamma++) {
    const speedup = expectedSpeedup(alpha, gamma, c)
    if (speedup > found) [best, found] = [gamma, speedup]
  }
  return best
}

/**
 * The draft length of each block of one text.
 *
 * It depends on blocks that are over, never on tokens that are yet to be tested: whatever it is, a block's tokens have the
 * target's distribution given the text before it, so the whole text has.
 */
export class DraftLength {
  #accepted = PRIOR.accepted
  #tested = PRIOR.tested

  /** @param parameterRatio c until it was measured */
  constructor(
    readonly option: DraftLengthOption,
    readonly parameterRatio: number,
  ) {}

  /** The longest that a block can be. */
  get most(): number {
    return typeof this.option === "number" ? this.option : this.option.most
  }

  /** The running estimate of alpha: accepted over tested, older blocks weighing less. */
  get acceptance(): number {
    return this.#accepted / this.#tested
  }

  /** Learns from a block's tested tokens. */
  learn(accepted: number, rejected: number): void {
    this.#accepted = KEEP * this.#accepted + accepted
    this.#tested = KEEP * this.#tested + accepted + rejected
  }

  /** The length of the next block. @param measuredCostRatio of the blocks so far, if they were timed */
  next(measuredCostRatio: number | undefined): number {
    const { option } = this
    if (typeof option === "number") return option
    const c = option.costRatio ?? measuredCostRatio ?? this.parameterRatio
    return bestDraftLength(this.acceptance, c, option.most)
  }
}
