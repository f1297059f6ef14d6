/**
 * A chunk of categorical distributions given by their logits; derived values are computed once, at first use.
 *
 * Letters: R rows of a chunk, V vocabulary. Every tensor of a `Categorical` belongs to the `tf.tidy` of its first use,
 * so a `Categorical` must not outlive the tidy of its chunk. Logits are finite; probabilities may underflow to 0.
 *
 * Passes over [R, V] dominate the cost. Measured at [128, 50304] on two busy cores: softmax 9 ms, log-softmax 14,
 * elementwise 4, a row's maximum or sum 1, TensorFlow's fused softmax cross-entropy 27 to 70. Hence at most one softmax
 * a distribution, everything else from it, and no fused cross-entropy.
 */
import { customGrad, tf } from "@winnow/tensor"
import type { RowLoss } from "./known-gradient.ts"

/**
 * log sum exp of each row, [R, 1]. The probabilities give it from the row's maximum and the maximum's probability,
 * which is at least 1 / V and has a safe logarithm, so there is no second exponential. Differentiable by the logits:
 * softmax.
 */
const logSumExp = (z_RV: tf.Tensor2D, p_RV: tf.Tensor2D | undefined): tf.Tensor2D =>
  customGrad(
    ([z], save) => {
      save([z!])
      const max_R1 = tf.max(z!, 1, true)
      const rest_R1 =
        p_RV === undefined ? tf.log(tf.sum(tf.exp(tf.sub(z!, max_R1)), 1, true)) : tf.neg(tf.log(tf.max(p_RV, 1, true)))
      return { value: tf.add(max_R1, rest_R1), gradFunc: (dy, [z]) => tf.mul(dy, tf.softmax(z as tf.Tensor2D)) }
    },
    [z_RV],
  )

/** 1 at the gold token of each row, 0 elsewhere; TFJS refuses V = 1. */
const oneHot = (gold_R: tf.Tensor1D, V: number): tf.Tensor2D =>
  V === 1 ? tf.ones([gold_R.shape[0], 1]) : (tf.oneHot(gold_R, V, 1, 0, "float32") as tf.Tensor2D)

/** The logit of the gold token of each row, [R]. TFJS's own gradient of a batched gather goes row by row. */
const goldLogit = (z_RV: tf.Tensor2D, gold_R: tf.Tensor1D): tf.Tensor1D =>
  customGrad(
    ([z], save) => {
      save([gold_R])
      return {
        value: tf.squeeze(tf.gather(z as tf.Tensor2D, tf.expandDims(gold_R, 1), 1, 1), [1]),
        gradFunc: (dy, [gold_R]) => tf.mul(tf.expandDims(dy, 1), oneHot(gold_R as tf.Tensor1D, z_RV.shape[1])),
      }
    },
    [z_RV],
  )

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

  /** log sum_v exp(logits / temperature), [R, 1]. */
  logSumExp_R1(temperature = 1): tf.Tensor2D {
    return this.#once(`s${temperature}`, () => {
      const p_RV = this.#memo.get(`p${temperature}`) as tf.Tensor2D | undefined
      return logSumExp(this.scaled_RV(temperature), p_RV)
    })
  }

  /** Log-probabilities, finite wherever the logits are; exact to the rounding of the largest logit. */
  logP_RV(temperature = 1): tf.Tensor2D {
    return this.#once(`l${temperature}`, () => tf.sub(this.scaled_RV(temperature), this.logSumExp_R1(temperature)))
  }

  /** Entropy, nats, 0 to log V. */
  entropy_R(temperature = 1): tf.Tensor1D {
    return this.#once(`h${temperature}`, () => this.crossEntropy_R(this.p_RV(temperature), temperature))
  }

  /**
   * Cross-entropy -sum_v labels_v log p_v, nats: log sum exp - labels . logits, in only two passes over [R, V].
   *
   * @param labels_RV rows that sum to 1
   */
  crossEntropy_R(labels_RV: tf.Tensor2D, temperature = 1): tf.Tensor1D {
    const expected_R = tf.sum(tf.mul(labels_RV, this.scaled_RV(temperature)), 1)
    return tf.sub(tf.squeeze(this.logSumExp_R1(temperature), [1]), expected_R)
  }

  /**
   * -log p(gold), nats.
   *
   * @error if a gold token is outside 0..V-1, by TensorFlow on the CPU (on a GPU its logit counts as 0)
   */
  nll_R(gold_R: tf.Tensor1D): tf.Tensor1D {
    return tf.sub(tf.squeeze(this.logSumExp_R1(), [1]), goldLogit(this.logits_RV, gold_R))
  }
}

/** -log softmax(logits)[gold] per row, and its derivative softmax(logits) - onehot(gold). */
export const goldCrossEntropy = (logits_RV: tf.Tensor2D, gold_R: tf.Tensor1D): RowLoss => {
  const draft = new Categorical(logits_RV)
  return {
    loss_R: draft.nll_R(gold_R),
    gradient_RV: tf.sub(draft.p_RV(), oneHot(gold_R, logits_RV.shape[1])),
  }
}
