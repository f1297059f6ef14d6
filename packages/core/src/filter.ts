/** A filter decides which valid tokens the draft is trained on. A plain function on arrays of length N. */
import type { Rng } from "@winnow/numerics"
import type { Type } from "arktype"
import { Context, Effect, Layer } from "effect"
import { kindOf } from "./contract/brief.ts"
import { checkDefinition, namesAmong } from "./contract/definition.ts"
import { guarded, PluginFault } from "./contract/fault.ts"
import { filterInput } from "./contract/filter-contract.ts"
import type { InvalidInput } from "./errors.ts"
import { Reference, Target } from "./model.ts"
import { definePlugin, type Plugin, type Use } from "./plugin.ts"
import { type ReadsOf, readsModel, type Statistic, type Statistics, statisticNames } from "./statistics/index.ts"
import type { StepState } from "./step-state.ts"

/** The part of a filter's input that every filter is given, whatever it needs. */
export interface FilterContext {
  /** Valid tokens of this micro-batch; at least 1. */
  readonly N: number
  /** The gold token's id. */
  readonly gold_N: Int32Array
  /** The index of each token's sequence in the micro-batch, from 0. */
  readonly sequence_N: Int32Array
  /** The token's position in its sequence, from 0. */
  readonly position_N: Int32Array
  /** Optimizer steps done so far, from 0, and in the whole stage. */
  readonly step: number
  readonly steps: number
  /** Seeded by run, step and micro-batch: a resumed run draws the same. */
  readonly rng: Rng
}

/**
 * The result of a filter: 1 or 0 a token, or weights from 0 on. The loss of the kept tokens is divided by the
 * sum of weights ("kept", the default: the step's size does not depend on k) or by N ("valid").
 */
export type Selection =
  | Uint8Array
  | Float32Array
  | { readonly weights_N: Uint8Array | Float32Array; readonly divideBy: "kept" | "valid" }

export type Select<S extends Statistic> = (input: Pick<Statistics, S> & FilterContext) => Selection

/** A filter that remembers something between steps. */
export interface StatefulFilter<S extends Statistic> extends StepState {
  readonly select: Select<S>
}

/** A filter as the training step calls it; one without a memory saves null. */
export interface FilterInstance extends StepState {
  readonly name: string
  readonly needs: ReadonlyArray<Statistic>
  readonly select: (input: Statistics & FilterContext) => Selection
}

export class Filter extends Context.Service<Filter, FilterInstance>()("@winnow/core/Filter") {}

/** The services that statistics must come from: in the layer's type, so that a missing one does not compile. */
export type FilterRequirements<S extends Statistic> =
  | ("reference" extends ReadsOf<S> ? Reference : never)
  | ("target" extends ReadsOf<S> ? Target : never)

export type FilterUse<R = Reference | Target> = Use<"filter", FilterInstance, R>

/**
 * Defines a filter.
 *
 * @param spec.needs the statistics that `make`'s function reads; only these are computed, and its input has no others
 * @param spec.make from valid options to the function, or to `{ select, save, restore }` (a `StepState` too) for
 * one with a memory; may return an Effect of either
 */
export const defineFilter = <const O extends Type, const S extends Statistic = never, R = never>(spec: {
  readonly name: string
  /** `import.meta.url` of a module on whose behalf another one defines the plugin; rarely needed. */
  readonly from?: string
  readonly needs: ReadonlyArray<S>
  readonly options: O
  readonly make: (
    options: O["infer"],
  ) => Select<S> | StatefulFilter<S> | Effect.Effect<Select<S> | StatefulFilter<S>, never, R>
}): Plugin<"filter", O, FilterInstance, R | FilterRequirements<S>> => {
  const place = checkDefinition("filter", spec, { needs: namesAmong("statistic", statisticNames) })
  const plugin = `filter ${spec.name}`
  const input = filterInput(plugin, spec.needs)
  return definePlugin({
    kind: "filter",
    name: spec.name,
    options: spec.options,
    from: spec.from,
    make: (options) =>
      Effect.gen(function* () {
        if (spec.needs.some((s) => readsModel(s, "reference"))) yield* Reference
        if (spec.needs.some((s) => readsModel(s, "target"))) yield* Target
        const made = spec.make(options)
        const filter = Effect.isEffect(made) ? yield* made : made
        const { select, save, restore, before, after, tensors } = functionsOf(plugin, place, filter)
        return {
          name: spec.name,
          needs: spec.needs,
          select: (given) => guarded(plugin, "its function", () => select(input(given) as never)),
          save: () => guarded(plugin, "save", save),
          restore: (state) => guarded(plugin, "restore", () => restore(state)),
          ...(before && { before: (step, draft) => guarded(plugin, "before", () => before(step, draft)) }),
          ...(after && { after: (step, draft) => guarded(plugin, "after", () => after(step, draft)) }),
          ...(tensors && { tensors }),
        } satisfies FilterInstance
      }) as Effect.Effect<FilterInstance, never, R | FilterRequirements<S>>,
  })
}

/** The functions of a filter, whichever of its two shapes `make` returned. */
const functionsOf = <S extends Statistic>(
  plugin: string,
  place: string | undefined,
  filter: Select<S> | StatefulFilter<S>,
): StatefulFilter<S> => {
  if (typeof filter === "function") return { select: filter, save: () => null, restore: () => {} }
  const given: unknown = filter
  const fields = typeof given === "object" && given !== null ? (given as Record<string, unknown>) : {}
  if (["select", "save", "restore"].every((name) => typeof fields[name] === "function")) return filter
  const detail = `make returned ${kindOf(given)}; expected a function, or { select, save, restore } for a filter with a memory`
  throw new PluginFault(plugin, "definition", detail, place)
}

/** One shape for every kind of selection. */
export const readSelection = (selection: Selection) =>
  ArrayBuffer.isView(selection) ? { weights_N: selection, divideBy: "kept" as const } : selection

/** The layer that an arm composes a filter by. */
export const filterLayer = <R>(use: FilterUse<R>): Layer.Layer<Filter, InvalidInput, R> =>
  Layer.effect(Filter, use.instance)
