/**
 * Layer norm and RMS norm with closed-form gradients: native, which keeps only the statistics of the rows for the
 * gradient, or of TFJS ops, a third of the ops that autodiff through a composition takes.
 *
 * Letters: N rows, d features. Statistics are over d.
 */
import { address, type Native, native, output } from "../native/native.ts"
import { tf } from "../tf.ts"
import { customGrad } from "./custom-grad.ts"

/** Gradient by the input of x -> xhat . gamma, given dxhat = dy . gamma; `centred` for layer norm. */
const inputGradient = (dxhat_Nd: tf.Tensor, xhat_Nd: tf.Tensor, scale_N1: tf.Tensor, centred: boolean): tf.Tensor => {
  const along = tf.mean(tf.mul(dxhat_Nd, xhat_Nd), 1, true)
  const rest = tf.sub(dxhat_Nd, tf.mul(xhat_Nd, along))
  return tf.mul(centred ? tf.sub(rest, tf.mean(dxhat_Nd, 1, true)) : rest, scale_N1)
}

/** `layerNorm` of TFJS ops. */
export const plainLayerNorm = (
  x_Nd: tf.Tensor2D,
  gamma_d: tf.Tensor1D,
  beta_d: tf.Tensor1D,
  eps: number,
): tf.Tensor2D =>
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

/** `rmsNorm` of TFJS ops. */
export const plainRmsNorm = (x_Nd: tf.Tensor2D, gamma_d: tf.Tensor1D, eps: number): tf.Tensor2D =>
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

/** @error if the vectors do not have the rows' length: native code would read past their end */
const checkSizes = (op: string, x: tf.Tensor, vectors: ReadonlyArray<tf.Tensor>): readonly [number, number] => {
  const [N, d] = x.shape as [number, number]
  for (const vector of vectors)
    if (x.rank !== 2 || vector.rank !== 1 || vector.shape[0] !== d)
      throw new Error(`${op}: found rows [${x.shape}] and a vector [${vector.shape}], expected [N, d] and [d]`)
  return [N, d]
}

const nativeLayerNorm = ({ C }: Native, inputs: ReadonlyArray<tf.Tensor>, eps: number): tf.Tensor2D => {
  const [N, d] = checkSizes("layerNorm", inputs[0]!, inputs.slice(1))
  return customGrad(([x, gamma, beta], save) => {
    const [y, mean, rstd] = [output([N, d]), output([N]), output([N])]
    C.winnow_layer_norm(N, d, address(x!), address(gamma!), address(beta!), eps, y.address, mean.address, rstd.address)
    save([x!, gamma!, mean.tensor, rstd.tensor])
    return {
      value: y.tensor,
      gradFunc: (dy, [x, gamma, mean, rstd]) => {
        const [dx, dgamma, dbeta] = [output([N, d]), output([d]), output([d])]
        const addresses = [x!, gamma!, mean!, rstd!, dy].map(address) as [number, number, number, number, number]
        C.winnow_layer_norm_gradient(N, d, ...addresses, dx.address, dgamma.address, dbeta.address)
        return [dx.tensor, dgamma.tensor, dbeta.tensor]
      },
    }
  }, inputs)
}

const nativeRmsNorm = ({ C }: Native, inputs: ReadonlyArray<tf.Tensor>, eps: number): tf.Tensor2D => {
  const [N, d] = checkSizes("rmsNorm", inputs[0]!, inputs.slice(1))
  return customGrad(([x, gamma], save) => {
    const [y, rstd] = [output([N, d]), output([N])]
    C.winnow_rms_norm(N, d, address(x!), address(gamma!), eps, y.address, rstd.address)
    save([x!, gamma!, rstd.tensor])
    return {
      value: y.tensor,
      gradFunc: (dy, [x, gamma, rstd]) => {
        const [dx, dgamma] = [output([N, d]), output([d])]
        const addresses = [x!, gamma!, rstd!, dy].map(address) as [number, number, number, number]
        C.winnow_rms_norm_gradient(N, d, ...addresses, dx.address, dgamma.address)
        return [dx.tensor, dgamma.tensor]
      },
    }
  }, inputs)
}

/**
 * (x - mean) / sqrt(variance + eps) . gamma + beta over each row, variance with divisor d.
 *
 * @param eps added to the variance, above 0
 */
export const layerNorm = (x_Nd: tf.Tensor2D, gamma_d: tf.Tensor1D, beta_d: tf.Tensor1D, eps: number): tf.Tensor2D => {
  const fast = native()
  return fast ? nativeLayerNorm(fast, [x_Nd, gamma_d, beta_d], eps) : plainLayerNorm(x_Nd, gamma_d, beta_d, eps)
}

/**
 * x / sqrt(mean(x^2) + eps) . gamma over each row.
 *
 * @param eps added to the mean square, above 0
 */
export const rmsNorm = (x_Nd: tf.Tensor2D, gamma_d: tf.Tensor1D, eps: number): tf.Tensor2D => {
  const fast = native()
  return fast ? nativeRmsNorm(fast, [x_Nd, gamma_d], eps) : plainRmsNorm(x_Nd, gamma_d, eps)
}
