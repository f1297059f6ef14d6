/**
 * AdamW: the weights and both moments are updated in place, in one native pass over memory or by TensorFlow's fused
 * ops.
 *
 * The update is PyTorch's: p <- p (1 - lr wd), then p <- p - lr mhat / (sqrt(vhat) + eps), with mhat = m / (1 -
 * beta1^t) and vhat = v / (1 - beta2^t). Composed of elementwise ops, Adam over 31M parameters takes 280 ms, as each
 * pass allocates and writes a tensor; a fused update takes about the time of reading and writing 7 numbers for each
 * parameter.
 */
import { native } from "../native/native.ts"
import { weightsWritten } from "../native/weights-version.ts"
import type { tf } from "../tf.ts"
import { NativeState } from "./adamw-native.ts"
import { ResourceState } from "./adamw-resources.ts"
import type { AdamWOptions, AdamWState } from "./adamw-state.ts"

/** One optimizer over a set of variables; owns the moments. Dispose it before the variables. */
export class AdamW {
  readonly #state: AdamWState
  /** Number of updates so far: the next one uses it to correct the moments' bias. */
  steps = 0

  /** The choice of native code is made here, once, by the present result of `native()`. */
  constructor(
    readonly parameters: ReadonlyMap<string, tf.Variable>,
    readonly options: AdamWOptions,
  ) {
    const fast = native()
    this.#state = fast === undefined ? new ResourceState(parameters) : new NativeState(fast, parameters)
  }

  /**
   * One update.
   *
   * @param gradients by parameter name; a parameter without one is not changed. They stay the caller's.
   * @param learningRate of this step, 0 or more
   * @param scale factor on the gradients (clipping), exactly 1 for none
   * @error if a gradient's shape is not its parameter's, before any change
   */
  apply(gradients: Readonly<Record<string, tf.Tensor>>, learningRate: number, scale = 1): void {
    const entries = Object.entries(gradients)
    for (const [name, gradient] of entries) {
      const variable = this.parameters.get(name)
      if (variable === undefined)
        throw new Error(`AdamW: no parameter ${name}; it has ${[...this.parameters.keys()].join(", ")}`)
      if (String(gradient.shape) !== String(variable.shape))
        throw new Error(`AdamW: the gradient of ${name} is [${gradient.shape}], the parameter is [${variable.shape}]`)
    }
    const { weightDecay } = this.options
    if (!(learningRate * weightDecay < 1))
      throw new Error(
        `AdamW: learning rate ${learningRate} x weight decay ${weightDecay} must be below 1: it would flip the weights`,
      )
    const t = ++this.steps
    try {
      this.#state.apply(entries, { ...this.options, t, learningRate, scale })
    } finally {
      weightsWritten()
    }
  }

  /** The present values of a moment; the next step may replace them in place. */
  readMoment(name: string, which: "m" | "v"): Float32Array {
    const moment = this.#state.moment(name, which)
    try {
      return moment.dataSync() as Float32Array
    } finally {
      moment.dispose()
    }
  }

  /** Sets a moment from a checkpoint; set `steps` from the same one. The values are copied. */
  writeMoment(name: string, which: "m" | "v", values: Float32Array): void {
    this.#state.restore(name, which, values)
  }

  /** Frees the moments; the variables keep their values. */
  dispose(): void {
    this.#state.dispose()
  }
}
