/** The settings of AdamW, and what each way of updating weights and moments does. */
import type { tf } from "../tf.ts"

/** The settings that stay for all updates. */
export interface AdamWOptions {
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  /** Decoupled weight decay; applied to parameters of two or more dimensions only (not to norms and biases). */
  readonly weightDecay: number
}

/** The factors of one update; corrections of the moments' bias included. */
export interface AdamWNumbers extends AdamWOptions {
  /** Updates done, this one among them, from 1. */
  readonly t: number
  readonly learningRate: number
  /** Multiplied into the gradients. */
  readonly scale: number
}

/** Where moments and weights live, and how they are updated. */
export interface AdamWState {
  readonly apply: (gradients: ReadonlyArray<readonly [string, tf.Tensor]>, numbers: AdamWNumbers) => void
  /** A new tensor that shares the state's memory. */
  readonly moment: (name: string, which: "m" | "v") => tf.Tensor
  readonly restore: (name: string, which: "m" | "v", values: Float32Array) => void
  readonly dispose: () => void
}
