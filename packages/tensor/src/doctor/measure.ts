/** Figures that show if an engine has its expected speed: matrix products, and the cost of one small op. */
import type { Measured } from "@winnow/engine"
import { median } from "@winnow/numerics"
import { native, type Precision, withPrecision } from "../native/native.ts"
import { linear } from "../ops/linear.ts"
import { tf } from "../tf.ts"

/** Runs `body` once unmeasured, then up to `runs` times within `milliseconds`; the median time in milliseconds. */
const medianTime = (body: () => void, runs: number, milliseconds: number): number => {
  body()
  const times: Array<number> = []
  const end = performance.now() + milliseconds
  while (times.length < runs && (times.length === 0 || performance.now() < end)) {
    const start = performance.now()
    body()
    times.push(performance.now() - start)
  }
  return median(times)
}

const square = (size: number) => tf.randomUniform([size, size]) as tf.Tensor2D

/** Rate of `size` x `size` float32 matrices, median of at most 9 products in at most 1.5 s. */
export const productRate = (size: number): number => {
  const [a, b] = [square(size), square(size)]
  // Reading one element waits for an asynchronous device, and moves 4 bytes.
  const time = medianTime(() => tf.tidy(() => tf.matMul(a, b).slice([0, 0], [1, 1]).dataSync()), 9, 1500)
  tf.dispose([a, b])
  return (2 * size ** 3) / (time * 1e6)
}

/** Rate of a native product of the same size, in each precision; null without a native library. */
const nativeRates = (size: number): Measured["native"] => {
  if (native() === undefined) return null
  const [a, b] = [square(size), square(size)]
  const rate = (precision: Precision) =>
    (2 * size ** 3) / (withPrecision(precision, () => medianTime(() => linear(a, b).dispose(), 9, 1000)) * 1e6)
  const rates = { float32: rate("float32"), bfloat16: rate("bfloat16") }
  tf.dispose([a, b])
  return rates
}

/** Cost of one small op in microseconds: median of 30 rounds of 200. */
export const opCost = (): number => {
  const [a, b] = [tf.ones([16]), tf.ones([16])]
  const round = () => {
    for (let i = 0; i < 200; i++) tf.add(a, b).dispose()
  }
  const time = medianTime(round, 30, 1000)
  tf.dispose([a, b])
  return (time * 1000) / 200
}

/**
 * Error of the product of [i + j] and [i - j] of 32 x 32, against whole-number arithmetic. Every entry and sum is a
 * whole number that float32 represents exactly; bfloat16 represents the entries exactly too.
 */
export const productError = (multiply: typeof tf.matMul = tf.matMul): number => {
  const size = 32
  const at = (f: (i: number, j: number) => number) =>
    Float32Array.from({ length: size * size }, (_, n) => f(Math.floor(n / size), n % size))
  const [a, b] = [at((i, j) => i + j), at((i, j) => i - j)]
  const c = tf.tidy(() => multiply(tf.tensor2d(a, [size, size]), tf.tensor2d(b, [size, size])).dataSync())
  let worst = 0
  for (let n = 0; n < c.length; n++) {
    let exact = 0
    for (let k = 0; k < size; k++) exact += a[n - (n % size) + k]! * b[k * size + (n % size)]!
    worst = Math.max(worst, Math.abs(c[n]! - exact) / Math.max(1, Math.abs(exact)))
  }
  return worst
}

/** Measures the open engine; takes 1 to 6 seconds. */
export const measure = (size = 2048): Measured => ({
  size,
  gflops: productRate(size),
  native: nativeRates(size),
  opMicroseconds: opCost(),
  productError: productError(),
})
