/**
 * A chunk of categorical distributions given by their logits; what is derived from them is computed once, when asked.
 *
 * Letters: R rows of a chunk, V vocabulary. Every tensor made here belongs to the `tf.tidy` that it is made in, so a
 * `Categorical` must not outlive the tidy of its chunk.
 */
import { crossEntropyWithLogits, tf } from "@winnow/tensor"

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

  /** Entropy, nats. */
  entropy_R(temperature = 1): tf.Tensor1D {
    return this.#once(`h${temperature}`, () => {
      const { loss_R, gradient_RV } = crossEntropyWithLogits(this.scaled_RV(temperature), this.p_RV(temperature))
      gradient_RV.dispose()
      return loss_R
    })
  }
}
