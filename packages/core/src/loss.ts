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
import { checkDefinition, ownServices } from "./contract/definition.ts"
import { checkedLoss, chunkNames } from "./contract/loss-contract.ts"
import type { InvalidInput } from "./errors.ts"
import type { Reference, Target } from "./frozen.ts"
import type { FusedLoss } from "./fused-loss.ts"
import {
  type FrozenModels,
  frozenOf,
  type Given,
  type Needs,
  needsOf,
  type OwnIdentifiers,
  type OwnServices,
  ownOf,
} from "./needs.ts"
import { definePlugin, type Plugin, type UseWith } from "./plugin.ts"
import type { SparseChunk, SparseLoss } from "./sparse-target.ts"

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

/**
 * A loss with its options fixed. All functions are synchronous and called inside a `tf.tidy`. Of a loss that names services
 * of its own, a chunk has each under its name.
 */
export interface LossFunctions<WithTarget extends boolean, Own = unknown> {
  /** The loss of each row, [R]; 0 or more and 0 at a perfect draft, unless the loss says otherwise. */
  readonly value: (chunk: LossChunk<WithTarget> & Own) => tf.Tensor1D
  /**
   * Value, and its derivative by the draft's logits row by row: gradient_RV[i, v] = d loss_R[i] / d logits[i, v].
   * Without it the step differentiates `value` by autodiff, on the chunk: correct, slower.
   */
  readonly gradient?: (chunk: LossChunk<WithTarget> & Own) => {
    readonly loss_R: tf.Tensor1D
    readonly gradient_RV: tf.Tensor2D
  }
  /** Statistics of the whole micro-batch that must be known before any row's value (TVD++). */
  readonly batch?: {
    /** M numbers a row, [R, M]; they are summed over the rows of the pass. */
    readonly rows: (chunk: LossChunk<WithTarget> & Own) => tf.Tensor2D
    /** From the M sums (double precision) and the number of rows to what `chunk.batch` holds. */
    readonly combine: (sum_M: Float64Array, rows: number) => ReadonlyArray<number>
  }
  /**
   * The loss from the target's top k with tail, or from samples. A loss without it is refused where the target comes from
   * such a cache.
   */
  readonly sparse?: SparseLoss<Own>
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

/** A loss whose services are there, and the target if it compares to one. */
export class Loss extends Context.Service<Loss, LossInstance & { readonly models: FrozenModels }>()(
  "@winnow/core/Loss",
) {}

/** A loss with its options. R names the services that it needs. */
export type LossUse<R = Target> = UseWith<"loss", LossInstance, never, never, { readonly needs: Needs<R> }>

/**
 * Defines a loss.
 *
 * @param spec.target whether it compares to the target; then a target is required by type
 * @param spec.services services of the loss's own, such as an embedding: each chunk has them by their names
 */
export const defineLoss = <
  const O extends Type,
  const WithTarget extends boolean,
  const Own extends OwnServices = Record<never, never>,
>(spec: {
  readonly name: string
  /** `import.meta.url` of a module on whose behalf another one defines the plugin; rarely needed. */
  readonly from?: string
  readonly target: WithTarget
  readonly services?: Own
  readonly options: O
  readonly make: (options: O["infer"]) => LossFunctions<WithTarget, Given<Own>>
}): Plugin<O, LossUse<(WithTarget extends true ? Target : never) | OwnIdentifiers<Own>>> => {
  const place = checkDefinition("loss", spec, {
    target: (value) => (typeof value === "boolean" ? undefined : `is ${kindOf(value)}; expected true or false`),
    services: ownServices(chunkNames),
  })
  const needs = needsOf<(WithTarget extends true ? Target : never) | OwnIdentifiers<Own>>(
    [],
    spec.target ? ["target"] : [],
    spec.services ?? {},
  )
  return definePlugin({
    kind: "loss",
    name: spec.name,
    options: spec.options,
    from: spec.from,
    more: () => ({ needs }),
    make: (options) =>
      Effect.sync((): LossInstance => {
        const made = spec.make(options) as unknown as LossFunctions<boolean>
        return {
          name: spec.name,
          target: spec.target,
          ...checkedLoss(`loss ${spec.name}`, place, spec.target, made),
        }
      }),
  })
}

/** The functions of a loss with its own services in each chunk. */
const withServices = (loss: LossInstance, own: Readonly<Record<string, unknown>>): LossInstance => {
  if (Object.keys(own).length === 0) return loss
  const { value, gradient, batch, sparse } = loss
  // By descriptor: a field that is computed when it is asked for stays so.
  const given = <C extends object>(chunk: C): C =>
    Object.defineProperties({ ...own } as C, Object.getOwnPropertyDescriptors(chunk))
  return {
    ...loss,
    value: (chunk) => value(given(chunk)),
    ...(gradient && { gradient: (chunk: LossChunk) => gradient(given(chunk)) }),
    ...(batch && { batch: { ...batch, rows: (chunk: LossChunk) => batch.rows(given(chunk)) } }),
    ...(sparse && {
      sparse: {
        value: (chunk: SparseChunk) => sparse.value(given(chunk)),
        gradient: (chunk: SparseChunk) => sparse.gradient(given(chunk)),
      },
    }),
  }
}

/** A loss whose own services are there: its functions find them in each chunk. */
export const readyLoss = <R>(
  use: LossUse<R>,
): Effect.Effect<LossInstance, InvalidInput, Exclude<R, Target | Reference>> =>
  Effect.zipWith(use.instance, ownOf(use.needs), withServices)

/** The layer that an arm composes a loss by: its target and its own services must be provided to it. */
export const lossLayer = <R>(use: LossUse<R>): Layer.Layer<Loss, InvalidInput, R> =>
  Layer.effect(
    Loss,
    Effect.zipWith(readyLoss(use), frozenOf(use.needs), (loss, models) => ({ ...loss, models })),
  )
