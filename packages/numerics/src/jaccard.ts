/** The overlap of two kept sets, and the overlap that chance gives. N tokens. */

/** Sizes of two sets of the same N tokens, and of what both have. */
export interface Overlap {
  readonly N: number
  readonly a: number
  readonly b: number
  readonly both: number
}

/**
 * Counts two sets of the same tokens; a token is in a set if its entry is not 0.
 *
 * @error RangeError for lists of different lengths
 */
export const overlapOf = (a_N: ArrayLike<number>, b_N: ArrayLike<number>): Overlap => {
  const N = a_N.length
  if (b_N.length !== N)
    throw new RangeError(`sets of ${N} and ${b_N.length} tokens; expected one entry a token in each`)
  let [a, b, both] = [0, 0, 0]
  for (let n = 0; n < N; n++) {
    const [inA, inB] = [a_N[n] !== 0, b_N[n] !== 0]
    if (inA) a++
    if (inB) b++
    if (inA && inB) both++
  }
  return { N, a, b, both }
}

/** Intersection over union, 0 to 1: 1 for equal sets. NaN for two empty sets. */
export const jaccard = ({ a, b, both }: Overlap): number => both / (a + b - both)

/**
 * The overlap of two random sets of these sizes: the expected intersection a b / N over the union that goes with it. For two
 * sets of k N tokens k / (2 - k). NaN for two empty sets.
 *
 * It is the ratio of the two expectations, which the mean of the ratio approaches as N grows.
 *
 * @source derived
 */
export const chanceJaccard = ({ N, a, b }: Omit<Overlap, "both">): number => jaccard({ N, a, b, both: (a * b) / N })
