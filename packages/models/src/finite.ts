/** Finds weights that are not finite while a file is read, with their place. */
import { nativeNumbers } from "@winnow/tensor"

/** Number of values in a sum between two checks: a piece stays in the processor's cache. */
const PIECE = 2 ** 14

/** Index of the first value that is NaN or infinite, -1 if all are finite: the plain form. */
export const plainFirstNonFinite = (values: Float32Array): number => {
  for (let begin = 0; begin < values.length; begin += PIECE) {
    const end = Math.min(values.length, begin + PIECE)
    // x - x is 0 for a finite number and NaN for any other; four sums run side by side: additions to
    // one sum would wait for each other.
    let [a, b, c, d] = [0, 0, 0, 0]
    let i = begin
    for (; i + 3 < end; i += 4) {
      a += values[i]! - values[i]!
      b += values[i + 1]! - values[i + 1]!
      c += values[i + 2]! - values[i + 2]!
      d += values[i + 3]! - values[i + 3]!
    }
    for (; i < end; i++) a += values[i]! - values[i]!
    if (Number.isNaN(a + b + c + d)) for (let at = begin; at < end; at++) if (!Number.isFinite(values[at])) return at
  }
  return -1
}

/** Index of the first value that is NaN or infinite; -1 if all are finite. */
export const firstNonFinite = (values: Float32Array): number =>
  nativeNumbers()?.firstNonFinite(values) ?? plainFirstNonFinite(values)

/** A place in a tensor, by row and column: "[3, 5]". */
const place = (index: number, shape: ReadonlyArray<number>): string => {
  const at: Array<number> = []
  let rest = index
  for (const size of shape.toReversed()) {
    at.unshift(rest % size)
    rest = Math.floor(rest / size)
  }
  return `[${at.join(", ")}]`
}

/** The fault in a tensor's values; undefined if all are finite. */
export const nonFiniteProblem = (
  name: string,
  shape: ReadonlyArray<number>,
  values: Float32Array,
): string | undefined => {
  const first = firstNonFinite(values)
  if (first === -1) return undefined
  const count = values.reduce((n, x) => n + (Number.isFinite(x) ? 0 : 1), 0)
  const many = count === 1 ? "one value" : `${count} of ${values.length} values`
  return `tensor ${name}: ${many} not finite, the first is ${values[first]} at ${place(first, shape)}; expected numbers that float32 holds: take weights from before they were damaged`
}
