/**
 * A loss says, for a chunk of rows, how far the draft is from what it should be, and the gradient of its logits.
 *
 * Letters: R rows of a chunk, V vocabulary, M numbers a row that a loss sums over the batch first.
 */
import type { tf } from "@winnow/tensor"
import type { Type } from "arktype"
import { Context, Effect, Layer } from "effect"
import type { Categorical } from "./categorical.ts"
import { kindOf } from "./contract/brief.ts"
import { checkDefinition } from "./contract/definition.ts"
import { checkedLoss } from "./contract/loss-contract.ts"
import type { InvalidInput } from "./errors.ts"
import type { FusedLoss } from "./fused-loss.ts"
import { Target } from "./model.ts"
import { definePlugin, type Plugin, type Use } from "./plugin.ts"
import type { SparseLoss } from "./sparse-target.ts"

/** Rows of one chunk. The tensors belong to the caller's tidy. */
export interface LossChunk<WithTarget extends boolean = boolean> {
  readonly draft: Categorical
  /** The target's distributions; absent where the loss needs none. */
  readonly target: WithTarget extends true ? Categorical : undefined
  /** The gold token of each row, int32. */
  readonly gold_R: tf.Tensor1D
  /** One uniform draw in [0, 1) a row, for losses that sample: the same for `batch.rows`, value and gradient. */
  readonly uniform_R: Float32Array
  /** The result of `batch.combine`; empty for a loss without batch statistics. */
  readonly batch: ReadonlyArray<number>
}

/** A loss with its options fixed. All functions are synchronous and called inside a `tf.tidy`. */
export interface LossFunctions<WithTarget extends boolean> {
  /** The loss of each row, [R]; 0 or more and 0 at a perfect draft, unless the loss says otherwise. */
  readonly value: (chunk: LossChunk<WithTarget>) => tf.Tensor1D
  /**
   * Value, and its derivative by the draft's logits row by row: gradient_RV[i, v] = d loss_R[i] / d logits[i, v].
   * Without it the step differentiates `value` by autodiff, on the chunk: correct, slower.
   */
  readonly gradient?: (chunk: LossChunk<WithTarget>) => {
    readonly loss_R: tf.Tensor1D
    readonly gradient_RV: tf.Tensor2D
  }
  /** Statistics of the whole micro-batch that must be known before any row's value (TVD++). */
  readonly batch?: {
    /** M numbers a row, [R, M]; they are summed over the rows of the pass. */
    readonly rows: (chunk: LossChunk<WithTarget>) => tf.Tensor2D
    /** From the M sums (double precision) and the number of rows to what `chunk.batch` holds. */
    readonly combine: (sum_M: Float64Array, rows: number) => ReadonlyArray<number>
  }
  /**
   * The loss from the target's top k with tail, or from samples. A loss without it is refused where the target comes from
   * such a cache.
   */
  readonly sparse?: SparseLoss
  /**
   * The same loss as the native vocabulary head knows it, which then computes it without logits in memory. Without it, or
   * without the native library, `value` and `gradient` run on chunks of logits.
   */
  readonly fused?: FusedLoss
}

/** A loss as the training step calls it. */
export interface LossInstance extends LossFunctions<boolean> {
  readonly name: string
  /** True if chunks must carry the target's logits. */
  readonly target: boolean
}

export class Loss extends Context.Service<Loss, LossInstance>()("@winnow/core/Loss") {}

export type LossUse<R = Target> = Use<"loss", LossInstance, R>

/**
 * Defines a loss.
 *
 * @param spec.target whether it compares to the target; then a target is required by type
 */
export const defineLoss = <const O extends Type, const WithTarget extends boolean>(spec: {
  readonly name: string
  /** `import.meta.url` of a module on whose behalf another one defines the plugin; rarely needed. */
  readonly from?: string
  readonly target: WithTarget
  readonly options: O
  readonly make: (options: O["infer"]) => LossFunctions<WithTarget>
}): Plugin<"loss", O, LossInstance, WithTarget extends true ? Target : never> => {
  const place = checkDefinition("loss", spec, {
    target: (value) => (typeof value === "boolean" ? undefined : `is ${kindOf(value)}; expected true or false`),
  })
  return definePlugin({
    kind: "loss",
    name: spec.name,
    options: spec.options,
    from: spec.from,
    make: (options) =>
      Effect.gen(function* () {
        if (spec.target) yield* Target
        const made = spec.make(options) as unknown as LossFunctions<boolean>
        const functions = checkedLoss(`loss ${spec.name}`, place, spec.target, made)
        return { name: spec.name, target: spec.target, ...functions } satisfies LossInstance
      }) as Effect.Effect<LossInstance, never, WithTarget extends true ? Target : never>,
  })
}

/** The layer that an arm composes a loss by. */
export const lossLayer = <R>(use: LossUse<R>): Layer.Layer<Loss, InvalidInput, R> => Layer.effect(Loss, use.instance)
