/**
 * Resamples of seeds, of prompts, and of both: the same draws for every figure of as many seeds and prompts, so that what two
 * arms share is drawn together and cancels in their difference.
 *
 * Letters: S seeds, P prompts, B resamples.
 */
import { seeded } from "@winnow/numerics"
import type { Sample } from "./sample.ts"

/** Enough for a standard error to 1.6 %: no quantile of the resamples is read, so there need not be more. */
const B = 2000

/** How often each of n was drawn, resample after resample, [B, n]. Counts stay far below 255. */
const drawCounts = (n: number, of: "seeds" | "prompts"): Uint8Array => {
  const rng = seeded(0, "resamples", of, n)
  const counts_Bn = new Uint8Array(B * n)
  for (let row = 0; row < counts_Bn.length; row += n) for (let i = 0; i < n; i++) counts_Bn[row + rng.below(n)]!++
  return counts_Bn
}
const known = new Map<string, Uint8Array>()
const countsOf = (n: number, of: "seeds" | "prompts"): Uint8Array => {
  const counts = known.get(`${of} ${n}`) ?? drawCounts(n, of)
  known.set(`${of} ${n}`, counts)
  return counts
}

/** A figure, and what it was in each resample. */
export interface Resampled {
  readonly S: number
  readonly P: number
  readonly value: number
  readonly seeds_B: Float64Array
  readonly prompts_B: Float64Array
  readonly both_B: Float64Array
}

const draw = ({ prompts: P, seeds }: Sample): Resampled => {
  const S = seeds.size
  const [seedCounts, promptCounts] = [countsOf(S, "seeds"), countsOf(P, "prompts")]
  const sums_S = [...seeds.values()]
  const whole_S = sums_S.map((sums) => sums(new Uint8Array(P).fill(1)))
  /** The ratio of seeds that were drawn so often each. */
  const ratio = (parts_S: typeof whole_S, drawn: (s: number) => number): number => {
    let [numerator, denominator] = [0, 0]
    for (let s = 0; s < S; s++) {
      numerator += drawn(s) * parts_S[s]![0]
      denominator += drawn(s) * parts_S[s]![1]
    }
    return numerator / denominator
  }
  const [seeds_B, prompts_B, both_B] = [new Float64Array(B), new Float64Array(B), new Float64Array(B)]
  for (let b = 0; b < B; b++) {
    const drawn_P = promptCounts.subarray(b * P, (b + 1) * P)
    const parts_S = sums_S.map((sums) => sums(drawn_P))
    const times = (s: number) => seedCounts[b * S + s]!
    seeds_B[b] = ratio(whole_S, times)
    prompts_B[b] = ratio(parts_S, () => 1)
    both_B[b] = ratio(parts_S, times)
  }
  return { S, P, value: ratio(whole_S, () => 1), seeds_B, prompts_B, both_B }
}
const drawn = new WeakMap<Sample, Resampled>()

/** Resamples a figure. Seeded: the same sample gives the same draws. A resample without a denominator is NaN. */
export const resample = (sample: Sample): Resampled => {
  const found = drawn.get(sample) ?? draw(sample)
  drawn.set(sample, found)
  return found
}

/**
 * a - b in each resample.
 *
 * @error RangeError when they have different numbers of seeds or prompts
 */
export const minus = (a: Resampled, b: Resampled): Resampled => {
  if (a.S !== b.S || a.P !== b.P)
    throw new RangeError(
      `paired difference of ${a.S} seeds x ${a.P} prompts and ${b.S} x ${b.P}; expected the same seeds and prompts`,
    )
  const less = (x_B: Float64Array, y_B: Float64Array) => x_B.map((x, i) => x - y_B[i]!)
  return {
    S: a.S,
    P: a.P,
    value: a.value - b.value,
    seeds_B: less(a.seeds_B, b.seeds_B),
    prompts_B: less(a.prompts_B, b.prompts_B),
    both_B: less(a.both_B, b.both_B),
  }
}
