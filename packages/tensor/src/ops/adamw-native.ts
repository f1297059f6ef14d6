/** AdamW in one native pass over parameter, gradient and both moments (`native/optimizer.h`). */

import { copyBytes } from "../binding/libc.ts"
import { address, type Native, output } from "../native/native.ts"
import { tf } from "../tf.ts"
import type { AdamWNumbers, AdamWState } from "./adamw-state.ts"

const floatBytes = 4

interface Slot {
  readonly variable: tf.Variable
  readonly m: tf.Tensor
  readonly v: tf.Tensor
  /** The variable's buffer from this state, which another tensor can share only by cloning the variable. */
  owned?: object
}

/** Zeros without a JavaScript array. */
const zeros = (shape: Array<number>): tf.Tensor => tf.keep(tf.fill(shape, 0))

/** Weights in the variables themselves, moments in separate tensors. */
export class NativeState implements AdamWState {
  readonly #slots = new Map<string, Slot>()

  constructor(
    private readonly native: Native,
    parameters: ReadonlyMap<string, tf.Variable>,
  ) {
    for (const [name, variable] of parameters) {
      const slot: Slot = { variable, m: zeros(variable.shape), v: zeros(variable.shape) }
      this.#own(slot)
      this.#slots.set(name, slot)
    }
  }

  /**
   * Gives the variable private memory, at the start and again after an assignment: TensorFlow lets tensors share memory
   * (a reshaped one, a slice), and tensors that share the weights' memory must not change with them.
   */
  #own(slot: Slot): void {
    const { variable } = slot
    if (slot.owned === variable.dataId) return
    tf.tidy(() => {
      const copy = output(variable.shape)
      copyBytes(copy.address, address(variable), variable.size * floatBytes)
      variable.assign(copy.tensor)
    })
    slot.owned = variable.dataId
  }

  apply(gradients: ReadonlyArray<readonly [string, tf.Tensor]>, numbers: AdamWNumbers): void {
    const { beta1, beta2, epsilon, weightDecay, t, learningRate, scale } = numbers
    const correction2 = Math.sqrt(1 - beta2 ** t)
    const step = (learningRate * correction2) / (1 - beta1 ** t)
    for (const [name, gradient] of gradients) {
      const slot = this.#slots.get(name)!
      const { variable, m, v } = slot
      if (variable.size === 0) continue
      this.#own(slot)
      this.native.C.winnow_adamw(
        variable.size,
        address(variable),
        address(gradient),
        address(m),
        address(v),
        scale,
        variable.rank > 1 ? 1 - learningRate * weightDecay : 1,
        step,
        1 - beta1,
        1 - beta2,
        epsilon * correction2,
      )
    }
  }

  moment(name: string, which: "m" | "v"): tf.Tensor {
    return this.#slots.get(name)![which].clone()
  }

  restore(name: string, which: "m" | "v", values: Float32Array): void {
    const moment = this.#slots.get(name)![which]
    if (values.length !== moment.size)
      throw new Error(`AdamW: ${which}.${name} has ${values.length} values, expected ${moment.size}`)
    if (moment.size > 0) copyBytes(address(moment), values, values.byteLength)
  }

  dispose(): void {
    for (const { m, v } of this.#slots.values()) tf.dispose([m, v])
    this.#slots.clear()
  }
}
