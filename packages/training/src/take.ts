/**
 * Takes the kept rows from numbers of N rows, in order.
 *
 * @param values_N [N], or [N, width] row by row
 * @param kept_K rows, 0 to N - 1
 */
export const take = <A extends Int32Array | Float32Array>(values_N: A, kept_K: Int32Array, width = 1): A => {
  const taken_K = new (values_N.constructor as new (length: number) => A)(kept_K.length * width)
  for (let k = 0, to = 0; k < kept_K.length; k++) {
    const from = kept_K[k]! * width
    for (let i = from; i < from + width; i++) taken_K[to++] = values_N[i]!
  }
  return taken_K
}
