/** The update of `AdamW.apply` as elementwise ops: the slow form of the optimizer bench. */
import { type AdamWOptions, tf } from "@winnow/tensor"

/** One parameter and its moments, all of one shape. */
export interface ComposedSlot {
  readonly p: tf.Variable
  readonly m: tf.Variable
  readonly v: tf.Variable
}

/** One update of a slot, the t-th (from 1); decay only for two or more dimensions, as in `AdamW`. */
export const composedAdamW = (
  { p, m, v }: ComposedSlot,
  gradient: tf.Tensor,
  t: number,
  learningRate: number,
  { beta1, beta2, epsilon, weightDecay }: AdamWOptions,
): void =>
  tf.tidy(() => {
    m.assign(tf.add(tf.mul(m, beta1), tf.mul(gradient, 1 - beta1)))
    v.assign(tf.add(tf.mul(v, beta2), tf.mul(tf.square(gradient), 1 - beta2)))
    const mhat = tf.div(m, 1 - beta1 ** t)
    const vhat = tf.div(v, 1 - beta2 ** t)
    const decayed = p.rank > 1 ? tf.mul(p, 1 - learningRate * weightDecay) : p
    p.assign(tf.sub(decayed, tf.mul(tf.div(mhat, tf.add(tf.sqrt(vhat), epsilon)), learningRate)))
  })
