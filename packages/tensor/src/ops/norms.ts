/**
 * Layer norm and RMS norm with closed-form gradients: a third of the ops that composing them for autodiff takes.
 *
 * Letters: N rows, d features. Statistics are over d.
 */
import { tf } from "../tf.ts"
import { customGrad } from "./custom-grad.ts"

/** Gradient by the input of x -> xhat . gamma, given dxhat = dy . gamma; `centred` for layer norm. */
const inputGradient = (dxhat_Nd: tf.Tensor, xhat_Nd: tf.Tensor, scale_N1: tf.Tensor, centred: boolean): tf.Tensor => {
  const along = tf.mean(tf.mul(dxhat_Nd, xhat_Nd), 1, true)
  const rest = tf.sub(dxhat_Nd, tf.mul(xhat_Nd, along))
  return tf.mul(centred ? tf.sub(rest, tf.mean(dxhat_Nd, 1, true)) : rest, scale_N1)
}

/**
 * (x - mean) / sqrt(variance + eps) . gamma + beta over each row, variance with divisor d.
 *
 * @param eps added to the variance, above 0
 */
export const layerNorm = (x_Nd: tf.Tensor2D, gamma_d: tf.Tensor1D, beta_d: tf.Tensor1D, eps: number): tf.Tensor2D =>
  customGrad(
    ([x, gamma, beta], save) => {
      const centred = tf.sub(x!, tf.mean(x!, 1, true))
      const scale_N1 = tf.rsqrt(tf.add(tf.mean(tf.square(centred), 1, true), eps))
      const xhat_Nd = tf.mul(centred, scale_N1)
      save([xhat_Nd, scale_N1, gamma!])
      return {
        value: tf.add(tf.mul(xhat_Nd, gamma!), beta!),
        gradFunc: (dy, [xhat, scale, gamma]) => [
          inputGradient(tf.mul(dy, gamma!), xhat!, scale!, true),
          tf.sum(tf.mul(dy, xhat!), 0),
          tf.sum(dy, 0),
        ],
      }
    },
    [x_Nd, gamma_d, beta_d],
  )

/**
 * x / sqrt(mean(x^2) + eps) . gamma over each row.
 *
 * @param eps added to the mean square, above 0
 */
export const rmsNorm = (x_Nd: tf.Tensor2D, gamma_d: tf.Tensor1D, eps: number): tf.Tensor2D =>
  customGrad(
    ([x, gamma], save) => {
      const scale_N1 = tf.rsqrt(tf.add(tf.mean(tf.square(x!), 1, true), eps))
      const xhat_Nd = tf.mul(x!, scale_N1)
      save([xhat_Nd, scale_N1, gamma!])
      return {
        value: tf.mul(xhat_Nd, gamma!),
        gradFunc: (dy, [xhat, scale, gamma]) => [
          inputGradient(tf.mul(dy, gamma!), xhat!, scale!, false),
          tf.sum(tf.mul(dy, xhat!), 0),
        ],
      }
    },
    [x_Nd, gamma_d],
  )
