/** Soft caps of scores and logits: cap tanh(x / cap), which is near x for small x and never beyond the cap. */
import { tf } from "../tf.ts"

/** cap tanh(x / cap), differentiable; x itself without a cap. @param cap above 0 */
export const softCap = <T extends tf.Tensor>(x: T, cap: number | undefined): T =>
  cap === undefined ? x : tf.mul(tf.tanh(tf.div(x, cap)), cap)

/** The derivative of `softCap` by x, from its value: 1 - (value / cap)^2. */
export const softCapSlope = <T extends tf.Tensor>(capped: T, cap: number): T =>
  tf.sub(1, tf.square(tf.div(capped, cap))) as T
