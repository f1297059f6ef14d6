/**
 * Layer norm and RMS norm with closed-form gradients: a third of the ops that composing them for autodiff takes.
 *
 * Letters: N rows, d features. Statistics are over d.
 */
import { tf } from "../tf.ts"

/** Gradient by the input of x -> xhat . gamma, given dxhat = dy . gamma; `centred` for layer norm. */
const inputGradient = (
  dxhat_Nd: tf.Tensor2D,
  xhat_Nd: tf.Tensor2D,
  scale_N1: tf.Tensor2D,
  centred: boolean,
): tf.Tensor2D => {
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
  tf.customGrad((x, gamma, beta, save) => {
    const centred = tf.sub(x as tf.Tensor2D, tf.mean(x as tf.Tensor2D, 1, true))
    const scale_N1 = tf.rsqrt(tf.add(tf.mean(tf.square(centred), 1, true), eps)) as tf.Tensor2D
    const xhat_Nd = tf.mul(centred, scale_N1) as tf.Tensor2D
    ;(save as tf.GradSaveFunc)([xhat_Nd, scale_N1, gamma as tf.Tensor])
    return {
      value: tf.add(tf.mul(xhat_Nd, gamma as tf.Tensor1D), beta as tf.Tensor1D),
      gradFunc: (dy, saved) => {
        const [xhat, scale, g] = saved as [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D]
        const dx = inputGradient(tf.mul(dy, g) as tf.Tensor2D, xhat, scale, true)
        return [dx, tf.sum(tf.mul(dy, xhat), 0), tf.sum(dy, 0)]
      },
    }
  })(x_Nd, gamma_d, beta_d) as tf.Tensor2D

/**
 * x / sqrt(mean(x^2) + eps) . gamma over each row.
 *
 * @param eps added to the mean square, above 0
 */
export const rmsNorm = (x_Nd: tf.Tensor2D, gamma_d: tf.Tensor1D, eps: number): tf.Tensor2D =>
  tf.customGrad((x, gamma, save) => {
    const scale_N1 = tf.rsqrt(tf.add(tf.mean(tf.square(x as tf.Tensor2D), 1, true), eps)) as tf.Tensor2D
    const xhat_Nd = tf.mul(x as tf.Tensor2D, scale_N1) as tf.Tensor2D
    ;(save as tf.GradSaveFunc)([xhat_Nd, scale_N1, gamma as tf.Tensor])
    return {
      value: tf.mul(xhat_Nd, gamma as tf.Tensor1D),
      gradFunc: (dy, saved) => {
        const [xhat, scale, g] = saved as [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D]
        const dx = inputGradient(tf.mul(dy, g) as tf.Tensor2D, xhat, scale, false)
        return [dx, tf.sum(tf.mul(dy, xhat), 0)]
      },
    }
  })(x_Nd, gamma_d) as tf.Tensor2D
