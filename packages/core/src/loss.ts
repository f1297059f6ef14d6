/**
 * A loss measures, for a chunk of rows, how far the draft is from its goal, and gives the gradient by its logits.
 *
 * Letters: R rows of a chunk, V vocabulary, M numbers a row that a loss sums over the batch first.
 */
import type { Type } from "arktype"
import { Context, Effect, Layer } from "effect"
import { kindOf } from "./contract/brief.ts"
import { checkDefinition, ownServices } from "./contract/definition.ts"
import { checkedLoss, chunkNames } from "./contract/loss-contract.ts"
import type { InvalidInput } from "./errors.ts"
import type { Reference, Target } from "./frozen.ts"
import type { LossChunk, LossFunctions } from "./loss-functions.ts"
import {
  type FrozenModels,
  frozenOf,
  type Needs,
  needsOf,
  type OwnIdentifiers,
  type OwnServices,
  type OwnValues,
  ownOf,
} from "./needs.ts"
import { definePlugin, type Plugin, type UseWith } from "./plugin.ts"
import type { SparseChunk } from "./sparse-target.ts"

/** A loss in the form that the training step calls. */
export interface LossInstance extends LossFunctions<boolean> {
  readonly name: string
  /** True if chunks must carry the target's logits. */
  readonly target: boolean
}

/** A loss whose services are provided, including the target if it compares to one. */
export class Loss extends Context.Service<Loss, LossInstance & { readonly models: FrozenModels }>()(
  "@winnow/core/Loss",
) {}

/** A loss with its options. R names the services that it needs. */
export type LossUse<R = Target> = UseWith<"loss", LossInstance, never, never, { readonly needs: Needs<R> }>

/**
 * Defines a loss.
 *
 * @param spec.target true if it compares to the target; then its type requires a target
 * @param spec.services services of the loss's own, such as an embedding: each chunk has them by their names
 */
export const defineLoss = <
  const O extends Type,
  const WithTarget extends boolean,
  const Own extends OwnServices = Record<never, never>,
>(spec: {
  readonly name: string
  /** `import.meta.url` of the module that the plugin belongs to, if another module defines it; rarely needed. */
  readonly from?: string
  readonly target: WithTarget
  readonly services?: Own
  readonly options: O
  readonly make: (options: O["infer"]) => LossFunctions<WithTarget, OwnValues<Own>>
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
        const functions = spec.make(options) as unknown as LossFunctions<boolean>
        return {
          name: spec.name,
          target: spec.target,
          ...checkedLoss(`loss ${spec.name}`, place, spec.target, functions),
        }
      }),
  })
}

/** The functions of a loss with its own services in each chunk. */
const withServices = (loss: LossInstance, own: Readonly<Record<string, unknown>>): LossInstance => {
  if (Object.keys(own).length === 0) return loss
  const { value, gradient, batch, sparse } = loss
  // By descriptor, so that a field that is computed at its first read stays so.
  const withOwn = <C extends object>(chunk: C): C =>
    Object.defineProperties({ ...own } as C, Object.getOwnPropertyDescriptors(chunk))
  return {
    ...loss,
    value: (chunk) => value(withOwn(chunk)),
    ...(gradient && { gradient: (chunk: LossChunk) => gradient(withOwn(chunk)) }),
    ...(batch && { batch: { ...batch, rows: (chunk: LossChunk) => batch.rows(withOwn(chunk)) } }),
    ...(sparse && {
      sparse: {
        value: (chunk: SparseChunk) => sparse.value(withOwn(chunk)),
        gradient: (chunk: SparseChunk) => sparse.gradient(withOwn(chunk)),
      },
    }),
  }
}

/** A loss with its own services: its functions find them in each chunk. */
export const readyLoss = <R>(
  use: LossUse<R>,
): Effect.Effect<LossInstance, InvalidInput, Exclude<R, Target | Reference>> =>
  Effect.zipWith(use.instance, ownOf(use.needs), withServices)

/** A loss as its service: with its own services, and the frozen models that it reads. */
export const lossService = <R>(use: LossUse<R>): Effect.Effect<Loss["Service"], InvalidInput, R> =>
  Effect.zipWith(readyLoss(use), frozenOf(use.needs), (loss, models) => ({ ...loss, models }))

/** The layer of a loss in an arm: its target and its own services must be provided to it. */
export const lossLayer = <R>(use: LossUse<R>): Layer.Layer<Loss, InvalidInput, R> =>
  Layer.effect(Loss, lossService(use))
