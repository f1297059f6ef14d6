/** The derivative of the mean number of tokens a block gives by each token's acceptance. N tokens of one text. */

/**
 * The weights of one text: d tau / d a_t, tau the mean over all starts s of 1 + sum_j prod_{i = s}^{s + j - 1} a_i, j = 1..gamma.
 *
 *     weight_t = 1 / N sum_{s <= t} (a_s ... a_{t - 1}) (1 + a_{t + 1} + a_{t + 1} a_{t + 2} + ...)
 *
 * with blocks of gamma tokens from s on that end with the text. O(N gamma).
 *
 * @param acceptance_N sum_v min(p_v, q_v) of each token, 0 to 1
 * @returns from 1 / N on: every token can be the first of a block
 */
export const blockWeights = (acceptance_N: Float32Array, gamma: number): Float32Array => {
  const N = acceptance_N.length
  const weights_N = new Float32Array(N)
  for (let t = 0; t < N; t++) {
    // after[m] = 1 + a_{t+1} + ... + a_{t+1} ... a_{t+m}: the tokens that this one lets through, m of them left in the block
    const after = [1]
    for (let m = 1, product = 1; m < gamma; m++) {
      product *= t + m < N ? acceptance_N[t + m]! : 0
      after.push(after[m - 1]! + product)
    }
    let sum = 0
    for (let before = 0, product = 1; before < gamma && before <= t; before++) {
      if (before > 0) product *= acceptance_N[t - before]!
      sum += product * after[gamma - 1 - before]!
    }
    weights_N[t] = sum / N
  }
  return weights_N
}
