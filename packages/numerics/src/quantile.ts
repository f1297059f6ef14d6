/** Quantiles by selection: the interpolation of PyTorch and NumPy, without sorting the whole array. */

/** A value to be ranked or averaged is NaN or infinite. */
export class NotFinite extends RangeError {
  override readonly name = "NotFinite"
  constructor(
    readonly what: string,
    readonly index: number,
    readonly value: number,
  ) {
    super(
      `${what}[${index}] is ${value}, expected a finite number. A token with such a value can be neither kept nor ` +
        "dropped by rank: find where the loss overflows (learning rate, corrupt weights, empty rows) before filtering.",
    )
  }
}

/** @error NotFinite at the first NaN or infinite value */
export const requireFinite = (what: string, values: ArrayLike<number>): void => {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i]!)) throw new NotFinite(what, i, values[i]!)
}

/**
 * Moves the value of rank `rank` (from 0) to its place, smaller values before it, larger ones after it, and returns it.
 * Hoare's selection: linear on average, also with many ties; reorders its argument.
 */
const select = (values: Float64Array, rank: number): number => {
  let low = 0
  let high = values.length - 1
  while (low < high) {
    const pivot = values[(low + high) >> 1]!
    let i = low
    let j = high
    while (i <= j) {
      while (values[i]! < pivot) i++
      while (values[j]! > pivot) j--
      if (i <= j) {
        const value = values[i]!
        values[i++] = values[j]!
        values[j--] = value
      }
    }
    if (rank <= j) high = j
    else if (rank >= i) low = i
    else break
  }
  return values[rank]!
}

/**
 * The q-quantile with linear interpolation between the two nearest ranks, `torch.quantile`'s default.
 *
 * The place is q (N - 1), from 0; a place within 1e-9 of a rank counts as that rank, so that 1 - 0.4 is not 0.6
 * minus a rounding error. One value is its own quantile.
 *
 * @param q 0 to 1
 * @error RangeError on an empty array or a q outside [0, 1]; NotFinite on NaN or infinite values
 */
export const quantile = (values_N: ArrayLike<number>, q: number): number => {
  const N = values_N.length
  if (N === 0) throw new RangeError("quantile of 0 values; expected at least 1")
  if (!(q >= 0 && q <= 1)) throw new RangeError(`quantile at q = ${q}; expected 0 to 1`)
  requireFinite("values", values_N)
  const exact = q * (N - 1)
  const place = Math.abs(exact - Math.round(exact)) < 1e-9 * N ? Math.round(exact) : exact
  const rank = Math.floor(place)
  const scratch_N = Float64Array.from(values_N)
  const below = select(scratch_N, rank)
  if (place === rank) return below
  let above = Number.POSITIVE_INFINITY
  for (let i = rank + 1; i < N; i++) if (scratch_N[i]! < above) above = scratch_N[i]!
  return below + (above - below) * (place - rank)
}
