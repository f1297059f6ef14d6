/** The settings of AdamW, and the interface of the two ways of updating weights and moments. */
import type { tf } from "../tf.ts"

/** The settings that are constant over all updates. */
export interface AdamWOptions {
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  /** Decoupled weight decay; applied to parameters of two or more dimensions only (not to norms and biases). */
  readonly weightDecay: number
}

/** The factors of one update, including the corrections of the moments' bias. */
export interface AdamWNumbers extends AdamWOptions {
  /** Number of updates, including this one, from 1. */
  readonly t: number
  readonly learningRate: number
  /** The factor on the gradients. */
  readonly scale: number
}

/** The storage of moments and weights, and their update. */
export interface AdamWState {
  readonly apply: (gradients: ReadonlyArray<readonly [string, tf.Tensor]>, numbers: AdamWNumbers) => void
  /** A new tensor that shares the state's memory. */
  readonly moment: (name: string, which: "m" | "v") => tf.Tensor
  readonly restore: (name: string, which: "m" | "v", values: Float32Array) => void
  readonly dispose: () => void
}
