/**
 * The two halves of a head, each in one of its forms. N valid rows, K kept rows, V vocabulary, d hidden size of the
 * draft.
 */
import type { Statistic, Statistics } from "@winnow/core"
import type { tf } from "@winnow/tensor"
import type { Pass } from "./pass.ts"

/**
 * A way to compute: "plain" on chunks of logits; "native" by the fused vocabulary head, without logits. Two native ones
 * are "native-sparse" for a cache that holds a part of the target, and "native-sampled" for the loss that samples.
 */
export type HeadFormName = "plain" | "native" | "native-sparse" | "native-sampled"

/** Losses of the kept rows, and their gradients times `rowScale_K`; a frozen head has no gradient. */
export interface KeptRowsGradient {
  readonly loss_K: Float32Array
  readonly gradient_Kd: tf.Tensor2D
  readonly headGradient_Vd: tf.Tensor2D | undefined
}

/** The gradient of kept rows. `kept_K` gives their indices in the whole pass. It belongs to the caller's tidy. */
export type GradientOf = (kept: Pass, kept_K: Int32Array, rowScale_K: Float32Array) => KeptRowsGradient

/** The statistics of a pass, and the gradient of its rows, which may reuse results of the statistics. */
export interface Reading {
  readonly statistics: Partial<Statistics>
  readonly gradient: GradientOf
}

/** A form: computes the named statistics of all rows. Without names it computes nothing before the gradient. */
export type Read = (pass: Pass, names: ReadonlyArray<Statistic>) => Reading
