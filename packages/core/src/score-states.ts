/**
 * Parts of scores of hidden states: states by class, and states on another scale.
 *
 * Letters: N states, d hidden size, C classes, n states of a class.
 */

/** The indices of the states of each class, ascending. */
export const statesByClass = (class_N: Int32Array, C: number): ReadonlyArray<Int32Array> => {
  const lists = Array.from({ length: C }, (): Array<number> => [])
  for (const [n, c] of class_N.entries()) lists[c]!.push(n)
  return lists.map((list) => Int32Array.from(list))
}

/**
 * Scales of states: `none` as the model has them; `rms` with their root mean square as the unit, one number for all;
 * `standard` with the standard deviation of each dimension as its unit.
 */
export type StateScale = "none" | "rms" | "standard"

/**
 * States around their mean, in double precision, N x d.
 *
 * A dimension of equal values is 0 on every scale. With another scale than `none` a standard deviation below 1e-6 of the
 * largest entry, the rounding of single precision, counts as 0.
 */
export const centredStates = (h_Nd: Float32Array, N: number, d: number, scale: StateScale): Float64Array => {
  const x_Nd = Float64Array.from(h_Nd)
  const square_d = new Float64Array(d)
  let largest = 0
  for (const x of x_Nd) largest = Math.max(largest, Math.abs(x))
  for (let i = 0; i < d; i++) {
    let [mean, equal] = [0, true]
    for (let n = 0; n < N; n++) {
      mean += x_Nd[n * d + i]! / N
      if (x_Nd[n * d + i] !== x_Nd[i]) equal = false
    }
    for (let n = 0; n < N; n++) {
      x_Nd[n * d + i]! -= equal ? x_Nd[n * d + i]! : mean // a rounded mean would leave a remainder
      square_d[i]! += x_Nd[n * d + i]! ** 2 / N
    }
  }
  if (scale === "none") return x_Nd
  const all = Math.sqrt(square_d.reduce((sum, x) => sum + x, 0) / d)
  for (let i = 0; i < d; i++) {
    const unit = scale === "rms" ? all : Math.sqrt(square_d[i]!)
    for (let n = 0; n < N; n++) x_Nd[n * d + i]! *= unit <= 1e-6 * largest ? 0 : 1 / unit
  }
  return x_Nd
}

/** The covariance of centred states, 1 / N, d x d row-major. */
export const covarianceOf = (x_Nd: Float64Array, N: number, d: number): Float64Array => {
  const s_dd = new Float64Array(d * d)
  for (let n = 0; n < N; n++)
    for (let i = 0; i < d; i++) {
      const x = x_Nd[n * d + i]! / N
      for (let j = i; j < d; j++) s_dd[i * d + j]! += x * x_Nd[n * d + j]!
    }
  for (let i = 0; i < d; i++) for (let j = 0; j < i; j++) s_dd[i * d + j] = s_dd[j * d + i]!
  return s_dd
}
