/** Keeps a fraction of tokens by one number for each token. N tokens. */
import { quantile } from "./quantile.ts"

/** The end of the order that is kept. */
export type Order = "top" | "bottom"

/** a - b, element by element, in single precision like the losses. */
export const minus = (a_N: Float32Array, b_N: Float32Array): Float32Array => a_N.map((a, i) => a - b_N[i]!)

/**
 * 1 for the fraction k of largest (or smallest) values, 0 for the others.
 *
 * Top keeps value >= quantile(1 - k), bottom keeps value <= quantile(k). Values equal to the threshold are all kept, so
 * more than k N may be; equal values are all kept; k = 1 keeps all; at least one is always kept. Of N distinct values
 * floor(k (N - 1)) + 1 are kept.
 *
 * @param k above 0, at most 1
 * @error NotFinite on NaN or infinite values, which must not be ranked silently
 * @source AdaSPEC's released code: `delta >= quantile(delta, 1 - k)` over the valid tokens of a micro-batch
 */
export const topFraction = (values_N: ArrayLike<number>, k: number, order: Order = "top"): Uint8Array => {
  if (!(k > 0 && k <= 1)) throw new RangeError(`keep ratio k = ${k}; expected above 0 and at most 1`)
  const threshold = quantile(values_N, order === "top" ? 1 - k : k)
  return Uint8Array.from({ length: values_N.length }, (_, i) =>
    (order === "top" ? values_N[i]! >= threshold : values_N[i]! <= threshold) ? 1 : 0,
  )
}

/** The number of weights that are not 0. */
export const countKept = (weights_N: ArrayLike<number>): number => {
  let kept = 0
  for (let i = 0; i < weights_N.length; i++) if (weights_N[i] !== 0) kept++
  return kept
}
