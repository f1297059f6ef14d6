/**
 * A chunk of categorical distributions given by their logits; what is derived from them is computed once, when asked.
 *
 * Letters: R rows of a chunk, V vocabulary. Every tensor made here belongs to the `tf.tidy` that it is made in, so a
 * `Categorical` must not outlive the tidy of its chunk.
 */
import { crossEntropyWithLogits, tf } from "@winnow/tensor"
import { goldCrossEntropy, withGradient } from "./known-gradient.ts"

/** Entropy of softmax(z) by the fused kernel; its derivative, -p (log p + entropy), is only computed when asked for. */
const entropy = (z_RV: tf.Tensor2D, p_RV: tf.Tensor2D): tf.Tensor1D =>
  tf.customGrad((zIn, save) => {
    const { loss_R } = crossEntropyWithLogits(zIn as tf.Tensor2D, p_RV)
    ;(save as tf.GradSaveFunc)([zIn as tf.Tensor, loss_R])
    return {
      value: loss_R,
      gradFunc: (dy, saved) => {
        const logP_RV = tf.logSoftmax(saved[0]!)
        const slope_RV = tf.mul(tf.exp(logP_RV), tf.add(logP_RV, tf.expandDims(saved[1]!, 1)))
        return [tf.neg(tf.mul(tf.expandDims(dy, 1), slope_RV))]
      },
    }
  })(z_RV) as tf.Tensor1D

export class Categorical {
  readonly #memo = new Map<string, tf.Tensor>()

  constructor(readonly logits_RV: tf.Tensor2D) {}

  #once<T extends tf.Tensor>(key: string, make: () => T): T {
    let value = this.#memo.get(key)
    if (value === undefined) this.#memo.set(key, (value = make()))
    return value as T
  }

  /** logits / temperature. */
  scaled_RV(temperature = 1): tf.Tensor2D {
    return temperature === 1 ? this.logits_RV : this.#once(`z${temperature}`, () => tf.div(this.logits_RV, temperature))
  }

  /** Probabilities. */
  p_RV(temperature = 1): tf.Tensor2D {
    return this.#once(`p${temperature}`, () => tf.softmax(this.scaled_RV(temperature)))
  }

  /** Log-probabilities, finite wherever the logits are. */
  logP_RV(temperature = 1): tf.Tensor2D {
    return this.#once(`l${temperature}`, () => tf.logSoftmax(this.scaled_RV(temperature)))
  }

  /** Entropy, nats, 0 to log V up to rounding (about 1e-6). Differentiable by the logits. */
  entropy_R(temperature = 1): tf.Tensor1D {
    return this.#once(`h${temperature}`, () => entropy(this.scaled_RV(temperature), this.p_RV(temperature)))
  }

  /** Cross-entropy -sum_v labels_v log p_v, nats, in one pass. Differentiable by the logits, not by the labels. */
  crossEntropy_R(labels_RV: tf.Tensor2D, temperature = 1): tf.Tensor1D {
    return withGradient(this.scaled_RV(temperature), (z_RV) => crossEntropyWithLogits(z_RV, labels_RV))
  }

  /** -log p(gold), nats, in one pass. Differentiable by the logits. */
  nll_R(gold_R: tf.Tensor1D): tf.Tensor1D {
    return withGradient(this.logits_RV, (z_RV) => goldCrossEntropy(z_RV, gold_R))
  }
}
