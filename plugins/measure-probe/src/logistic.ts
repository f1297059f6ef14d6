/**
 * Multinomial logistic regression with a ridge penalty, by steps that never raise the loss.
 *
 * The Hessian of the mean loss is below B = 1/2 X^T X / n + penalty I in each class (Boehning 1992), so W - B^-1 G is a step
 * that lowers it. B is factored once. Steps are accelerated (Nesterov), and begin again where the loss rises.
 *
 * Letters: n texts, d features, k = d + 1 with the intercept, C classes.
 * @source Boehning 1992, "Multinomial logistic regression algorithm", Ann. Inst. Stat. Math. 44; O'Donoghue and Candes 2015,
 * "Adaptive restart for accelerated gradient schemes"
 */
import { product, tf } from "@winnow/tensor"
import { CholeskyDecomposition, Matrix } from "ml-matrix"

/** The most steps, and the relative fall of the loss in ten steps below which they end. */
const most = 300
const tolerance = 1e-5

/** The intercept has almost no penalty: enough for a factor of B. */
const interceptPenalty = 1e-6

/** Standardises states by mean and deviation of these ones; a constant dimension becomes 0. */
export const featuresOf = (h_nd: Float32Array, n: number, d: number): ((states: Float32Array) => Float32Array) => {
  const [mean_d, unit_d] = [new Float64Array(d), new Float64Array(d)]
  for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) mean_d[j]! += h_nd[i * d + j]! / n
  for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) unit_d[j]! += (h_nd[i * d + j]! - mean_d[j]!) ** 2 / n
  for (let j = 0; j < d; j++) {
    const deviation = Math.sqrt(unit_d[j]!)
    // below the rounding of single precision
    unit_d[j] = deviation <= 1e-6 * (Math.abs(mean_d[j]!) + 1e-30) ? 0 : 1 / deviation
  }
  return (states) => states.map((x, at) => (x - mean_d[at % d]!) * unit_d[at % d]!)
}

/** The features and an intercept, [n, k]. */
const withIntercept = (x_nd: Float32Array, d: number): Float32Array => {
  const n = x_nd.length / d
  const x_nk = new Float32Array(n * (d + 1)).fill(1)
  for (let i = 0; i < n; i++) x_nk.set(x_nd.subarray(i * d, (i + 1) * d), i * (d + 1))
  return x_nk
}

/** B^-1, [k, k]. */
const inverseBound = (x_nd: Float32Array, d: number, penalty: number): Float32Array => {
  const [n, k] = [x_nd.length / d, d + 1]
  const gram_kk = tf.tidy(() => {
    const x = tf.tensor2d(withIntercept(x_nd, d), [n, k])
    return product(x, x, true, false).dataSync()
  })
  const bound = new Matrix(k, k)
  // A product may add the two halves in different orders, and the factor wants them equal to the last bit.
  for (let i = 0; i < k; i++)
    for (let j = 0; j <= i; j++) {
      const value = gram_kk[i * k + j]! / (2 * n) + (i === j ? (i < d ? penalty : interceptPenalty) : 0)
      bound.set(i, j, value)
      bound.set(j, i, value)
    }
  return Float32Array.from(new CholeskyDecomposition(bound).solve(Matrix.eye(k, k)).to1DArray())
}

/**
 * Weights [k, C] of the least mean of -log p(class) + penalty / 2 |W|^2 (the intercept in the last row), within a relative
 * 1e-5 of the loss. It pauses every ten steps.
 *
 * @param of.from weights to begin with; 0 if left out
 */
export function* fitLogistic(of: {
  readonly x_nd: Float32Array
  readonly class_n: Int32Array
  readonly d: number
  readonly C: number
  readonly penalty: number
  readonly from?: Float32Array | undefined
}): Generator<void, Float32Array> {
  const { x_nd, class_n, d, C, penalty, from } = of
  const [n, k] = [class_n.length, d + 1]
  const own = tf.tidy(() => {
    const ridge_k1 = Float32Array.from({ length: k }, (_, i) => (i < d ? penalty : interceptPenalty))
    return {
      x_nk: tf.keep(tf.tensor2d(withIntercept(x_nd, d), [n, k])),
      y_nC: tf.keep(tf.cast(tf.oneHot(tf.tensor1d(class_n, "int32"), C), "float32") as tf.Tensor2D),
      inverse_kk: tf.keep(tf.tensor2d(inverseBound(x_nd, d, penalty), [k, k])),
      ridge_k1: tf.keep(tf.tensor2d(ridge_k1, [k, 1])),
    }
  })
  const { x_nk, y_nC, inverse_kk, ridge_k1 } = own
  let w_kC = tf.tensor2d(from ?? new Float32Array(k * C), [k, C])
  let before_kC = w_kC.clone()
  try {
    let momentum = 1
    let last = Number.POSITIVE_INFINITY
    let checked = last
    for (let step = 0; step < most; step++) {
      const next = (1 + Math.sqrt(1 + 4 * momentum ** 2)) / 2
      const beta = (momentum - 1) / next
      const { after, loss } = tf.tidy(() => {
        const at_kC = tf.add(w_kC, tf.mul(tf.sub(w_kC, before_kC), beta)) as tf.Tensor2D
        const z_nC = product(x_nk, at_kC)
        const total = tf.sum(tf.sub(tf.logSumExp(z_nC, 1), tf.sum(tf.mul(z_nC, y_nC), 1)))
        const size = tf.sum(tf.mul(ridge_k1, tf.square(at_kC)))
        const g_kC = tf.add(
          tf.div(product(x_nk, tf.sub(tf.softmax(z_nC), y_nC), true, false), n),
          tf.mul(ridge_k1, at_kC),
        ) as tf.Tensor2D
        return {
          after: tf.keep(tf.sub(at_kC, product(inverse_kk, g_kC)) as tf.Tensor2D),
          loss: total.dataSync()[0]! / n + size.dataSync()[0]! / 2,
        }
      })
      tf.dispose(before_kC)
      ;[before_kC, w_kC] = [w_kC, after]
      // The loss is at the point before the step: where momentum raised it, momentum begins again.
      momentum = loss > last ? 1 : next
      last = loss
      if (step % 10 !== 9) continue
      yield
      if (checked - loss <= tolerance * Math.abs(loss)) break
      checked = loss
    }
    return Float32Array.from(w_kC.dataSync())
  } finally {
    tf.dispose([...Object.values(own), w_kC, before_kC])
  }
}

/** The most probable class of each text, the lowest of equal ones. */
export const predictedClasses = (x_nd: Float32Array, w_kC: Float32Array, d: number, C: number): Int32Array =>
  tf.tidy(() => {
    const n = x_nd.length / d
    const z_nC = product(tf.tensor2d(withIntercept(x_nd, d), [n, d + 1]), tf.tensor2d(w_kC, [d + 1, C]))
    return Int32Array.from(tf.argMax(z_nC, 1).dataSync()) as never
  }) as unknown as Int32Array
