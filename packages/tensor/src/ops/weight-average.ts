/** The average of a model's weights over the steps of a training. */
import { address, native } from "../native/native.ts"
import { tf } from "../tf.ts"

/**
 * An exponential moving average of variables. Its first 1 / (1 - decay) updates count alike, so the weights before the
 * first step have no part in it.
 *
 * The owner disposes it; the variables stay their owner's.
 */
export class WeightAverage {
  readonly #averages: ReadonlyMap<string, tf.Variable>
  /** Number of updates so far. */
  steps = 0

  /** @param decay of an update, above 0 and below 1 */
  constructor(
    readonly variables: ReadonlyMap<string, tf.Variable>,
    readonly decay: number,
  ) {
    this.#averages = new Map(
      Array.from(variables, ([name, { shape }]) => [name, tf.tidy(() => tf.variable(tf.fill(shape, 0), false))]),
    )
  }

  /** The averages by name; they change in place. */
  get averages(): ReadonlyMap<string, tf.Variable> {
    return this.#averages
  }

  /** One update: a <- a + share (x - a), share = max(1 - decay, 1 / number of updates with this one). */
  update(): void {
    const share = Math.max(1 - this.decay, 1 / ++this.steps)
    const fast = native()
    for (const [name, average] of this.#averages) {
      const variable = this.variables.get(name)!
      if (variable.size === 0) continue
      if (fast !== undefined) fast.C.winnow_average(variable.size, address(variable), address(average), share)
      else tf.tidy(() => average.assign(tf.add(average, tf.mul(tf.sub(variable, average), share)) as never))
    }
  }

  /** Gives the variables the averages, if there is an update; the optimizer is not to step after it. */
  take(): void {
    if (this.steps === 0) return
    for (const [name, average] of this.#averages) tf.tidy(() => this.variables.get(name)!.assign(tf.add(average, 0)))
  }

  dispose(): void {
    for (const average of this.#averages.values()) average.dispose()
  }
}
