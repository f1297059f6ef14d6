/**
 * The sampling distribution of logits, and a token drawn from it.
 *
 * Letters: V vocabulary. Probabilities are doubles: the array of a draw also enters the acceptance ratio, so both round
 * alike.
 */
import { DataError, type Sampling } from "@winnow/core"

/** Id of the largest logit; the lowest id of several equal ones. */
export const argmax = (logits_V: ArrayLike<number>): number => {
  let best = 0
  for (let v = 1; v < logits_V.length; v++) if (logits_V[v]! > logits_V[best]!) best = v
  return best
}

/** Size of a sample of the values, which gives a guess at a bound for the largest ones. */
const SAMPLE = 512

/** The k-th largest value, k from 1 (typed-array sort is numeric and native). */
const kthLargest = (values: Float64Array, k: number): number => {
  const stride = Math.floor(values.length / SAMPLE)
  if (stride > 1) {
    // Sorting a large vocabulary takes milliseconds. It is enough to sort the values above a guess, if there are k of
    // them.
    const sample = Float64Array.from({ length: SAMPLE }, (_, i) => values[i * stride]!).sort()
    const guess = sample[SAMPLE - Math.ceil((2 * k) / stride) - 8]
    const largest = guess === undefined ? values : values.filter((x) => x >= guess)
    if (largest.length >= k) return largest.sort()[largest.length - k]!
  }
  return values.toSorted()[values.length - k]!
}

const scale = (p_V: Float64Array): Float64Array => {
  let sum = 0
  for (const p of p_V) sum += p
  for (let v = 0; v < p_V.length; v++) p_V[v] = p_V[v]! / sum
  return p_V
}

/** Sets all but the most probable tokens that together reach `topP` to 0, then rescales. */
const keepMass = (p_V: Float64Array, topP: number): Float64Array => {
  // Tokens below (1 - topP) / V sum to less than 1 - topP: the others reach topP, up to rounding.
  const bound = (1 - topP) / p_V.length
  const likely = p_V.filter((p) => p >= bound).sort()
  const sorted = likely.reduce((sum, p) => sum + p, 0) >= topP ? likely : p_V.toSorted()
  let mass = 0
  let i = sorted.length - 1
  for (; i > 0; i--) if ((mass += sorted[i]!) >= topP) break
  const threshold = sorted[i]!
  // Of the tokens exactly at the threshold, only as many stay as the sum above needed.
  let ties = 0
  for (let j = i; j < sorted.length && sorted[j] === threshold; j++) ties++
  for (let v = 0; v < p_V.length; v++) {
    if (p_V[v]! > threshold) continue
    if (p_V[v] === threshold && ties > 0) ties--
    else p_V[v] = 0
  }
  return scale(p_V)
}

/**
 * The distribution of a sampled token: temperature, then top-k, then top-p, rescaled to sum to 1.
 *
 * Temperature 0 puts all mass on the argmax, for any top-k and top-p. A logit of -Infinity has probability 0.
 *
 * @error DataError if a logit is NaN or no logit is finite; the model's weights are the usual cause
 * @source order and tie rules of transformers' logits warpers; temperature 0 as the limit
 */
export const adjusted = (logits_V: ArrayLike<number>, sampling: Sampling): Float64Array => {
  const { temperature } = sampling
  const V = logits_V.length
  const best = argmax(logits_V)
  const top = logits_V[best]!
  const p_V = new Float64Array(V)
  if (!Number.isFinite(top))
    throw new DataError({
      message: `largest of ${V} logits is ${top}, expected a finite number; check the model's weights`,
    })
  if (temperature === 0) {
    p_V[best] = 1
    return p_V
  }
  for (let v = 0; v < V; v++) p_V[v] = Math.exp((logits_V[v]! - top) / temperature)
  scale(p_V)
  if (Number.isNaN(p_V[0]))
    throw new DataError({ message: `a NaN among ${V} logits, expected numbers; check the model's weights` })
  return restricted(p_V, sampling)
}

/** Cuts a distribution to its top-k and then its top-p, in place, rescaled to sum to 1. */
export const restricted = (p_V: Float64Array, { topK, topP }: Pick<Sampling, "topK" | "topP">): Float64Array => {
  const V = p_V.length
  if (topK !== undefined && topK < V) {
    const cut = kthLargest(p_V, topK)
    for (let v = 0; v < V; v++) if (p_V[v]! < cut) p_V[v] = 0
    scale(p_V)
  }
  return topP === undefined || topP === 1 ? p_V : keepMass(p_V, topP)
}

/**
 * Draws an id by inverse CDF: the first whose cumulative probability exceeds `u`.
 *
 * @param u uniform in [0, 1)
 * @returns an id with positive probability, even where rounding leaves the total below `u`
 */
export const draw = (p_V: ArrayLike<number>, u: number): number => {
  let cumulative = 0
  let last = 0
  for (let v = 0; v < p_V.length; v++) {
    if (p_V[v]! <= 0) continue
    cumulative += p_V[v]!
    if (u < cumulative) return v
    last = v
  }
  return last
}
