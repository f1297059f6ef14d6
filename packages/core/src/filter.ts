/** A filter decides which valid tokens train the draft. It is a plain function on arrays of length N. */
import type { Type } from "arktype"
import { Context, Effect, Layer } from "effect"
import { brief, kindOf } from "./contract/brief.ts"
import { checkDefinition, namesAmong, ownServices } from "./contract/definition.ts"
import { guarded, PluginFault } from "./contract/fault.ts"
import { contextNames, filterInput } from "./contract/filter-contract.ts"
import type { InvalidInput } from "./errors.ts"
import {
  defineExampleFilter,
  type ExampleFilterSpec,
  type ExamplesUse,
  type StateFilterSpec,
} from "./example-filter.ts"
import type { Reference, Target } from "./frozen.ts"
import {
  type FrozenModels,
  frozenOf,
  type Needs,
  needsOf,
  type OwnIdentifiers,
  type OwnServices,
  type OwnValues,
  ownOf,
  type ServicesRead,
} from "./needs.ts"
import { definePlugin, type Plugin, type UseWith } from "./plugin.ts"
import type { FilterContext, Selection } from "./selection.ts"
import { type Statistic, type Statistics, statisticNames } from "./statistics/index.ts"
import type { StepState } from "./step-state.ts"

/** For a filter with services of its own, Own has each under its name. */
export type Select<S extends Statistic, Own = unknown> = (input: Pick<Statistics, S> & FilterContext & Own) => Selection

/** A filter that remembers values between steps. */
export interface StatefulFilter<S extends Statistic, Own = unknown> extends StepState {
  readonly select: Select<S, Own>
}

/** A filter in the form that the training step calls; a filter without a memory saves null. */
export interface FilterInstance extends StepState {
  readonly name: string
  readonly needs: ReadonlyArray<Statistic>
  /** The input also has the filter's own services, if it names any. */
  readonly select: (input: Statistics & FilterContext) => Selection
}

/** A filter whose services are provided, with the frozen models that its statistics are computed from. */
export class Filter extends Context.Service<Filter, FilterInstance & { readonly models: FrozenModels }>()(
  "@winnow/core/Filter",
) {}

/** A filter with its options. R names the services that it needs. */
export type FilterUse<R = Reference | Target> = UseWith<"filter", FilterInstance, never, never, FilterPlan<R>>

/** Facts of a filter for plans. */
export interface FilterPlan<out R> {
  readonly needs: Needs<R>
  /** The approximate fraction of tokens that it keeps, 0 to 1, for the cost of an arm before it has run. */
  readonly keeps: Effect.Effect<number, InvalidInput>
}

/** A definition of a filter of tokens. */
export interface TokenFilterSpec<O extends Type, S extends Statistic, Own extends OwnServices> {
  readonly name: string
  readonly of?: "tokens"
  /** `import.meta.url` of the module that the plugin belongs to, if another module defines it; rarely needed. */
  readonly from?: string
  /** The statistics that `make`'s function reads; only these are computed, and its input has no others. */
  readonly needs: ReadonlyArray<S>
  /** Services of the filter's own, such as a judge: its function finds each in its input under its name. */
  readonly services?: Own
  readonly options: O
  /**
   * Makes from valid options the function, or `{ select, save, restore }` (also a `StepState`) for a filter with a
   * memory.
   */
  readonly make: (
    options: O["infer"],
  ) => Select<NoInfer<S>, OwnValues<NoInfer<Own>>> | StatefulFilter<NoInfer<S>, OwnValues<NoInfer<Own>>>
}

/** Defines a filter: of tokens, which chooses in each micro-batch, or with `of: "examples"`, which chooses once. */
export function defineFilter<
  const O extends Type,
  const S extends Statistic = never,
  const Own extends OwnServices = Record<never, never>,
>(spec: TokenFilterSpec<O, S, Own>): Plugin<O, FilterUse<ServicesRead<S> | OwnIdentifiers<Own>>>
export function defineFilter<const O extends Type, const S extends Statistic = never>(
  spec: StateFilterSpec<O, S>,
): Plugin<O, ExamplesUse<ServicesRead<S>>>
export function defineFilter<const O extends Type, const S extends Statistic = never>(
  spec: ExampleFilterSpec<O, S>,
): Plugin<O, ExamplesUse<ServicesRead<S>>>
export function defineFilter<O extends Type, S extends Statistic, Own extends OwnServices>(
  spec: TokenFilterSpec<O, S, Own> | ExampleFilterSpec<O, S> | StateFilterSpec<O, S>,
): unknown {
  return spec.of === "examples" ? defineExampleFilter(spec) : defineTokenFilter(spec)
}

const defineTokenFilter = <O extends Type, S extends Statistic, Own extends OwnServices>(
  spec: TokenFilterSpec<O, S, Own>,
): Plugin<O, FilterUse<ServicesRead<S> | OwnIdentifiers<Own>>> => {
  const own: OwnServices = spec.services ?? {}
  const place = checkDefinition("filter", spec, {
    of: (value) =>
      value === undefined || value === "tokens" ? undefined : `is ${brief(value, 40)}; expected "tokens" or "examples"`,
    needs: namesAmong("statistic", statisticNames),
    services: ownServices([...statisticNames, ...contextNames]),
  })
  const plugin = `filter ${spec.name}`
  const input = filterInput(plugin, [...spec.needs, ...Object.keys(own)])
  const needs = needsOf<ServicesRead<S> | OwnIdentifiers<Own>>(spec.needs, [], own)
  return definePlugin({
    kind: "filter",
    name: spec.name,
    options: spec.options,
    from: spec.from,
    more: (_, decoded) => ({ needs, keeps: Effect.map(decoded, keptBy) }),
    make: (options) =>
      Effect.sync((): FilterInstance => {
        const { select, save, restore, before, after, tensors } = functionsOf(plugin, place, spec.make(options))
        return {
          name: spec.name,
          needs: spec.needs,
          select: (values) => guarded(plugin, "its function", () => select(input(values) as never)),
          save: () => guarded(plugin, "save", save),
          restore: (state) => guarded(plugin, "restore", () => restore(state)),
          ...(before && { before: (step, draft) => guarded(plugin, "before", () => before(step, draft)) }),
          ...(after && { after: (step, draft) => guarded(plugin, "after", () => after(step, draft)) }),
          ...(tensors && { tensors }),
        }
      }),
  })
}

/** The option k, the keep ratio by convention; 1 for a filter without it. */
const keptBy = (options: unknown): number => {
  const { k } = options as { readonly k?: unknown }
  return typeof k === "number" ? k : 1
}

/** The functions of a filter, from either of the two shapes that `make` may return. */
const functionsOf = <S extends Statistic, Own>(
  plugin: string,
  place: string | undefined,
  filter: Select<S, Own> | StatefulFilter<S, Own>,
): StatefulFilter<S, Own> => {
  if (typeof filter === "function") return { select: filter, save: () => null, restore: () => {} }
  const value: unknown = filter
  const fields = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {}
  if (["select", "save", "restore"].every((name) => typeof fields[name] === "function")) return filter
  const detail = `make returned ${kindOf(value)}; expected a function, or { select, save, restore } for a filter with a memory`
  throw new PluginFault(plugin, "definition", detail, place)
}

/** One shape for every kind of selection. */
export const readSelection = (selection: Selection) =>
  ArrayBuffer.isView(selection) ? { weights_N: selection, divideBy: "kept" as const } : selection

/** A filter with its own services: its function receives them with each micro-batch. */
export const readyFilter = <R>(
  use: FilterUse<R>,
): Effect.Effect<FilterInstance, InvalidInput, Exclude<R, Target | Reference>> =>
  Effect.zipWith(use.instance, ownOf(use.needs), (instance, own) => ({
    ...instance,
    select: (input) => instance.select({ ...input, ...own }),
  }))

/** The layer of a filter in an arm: its statistics' models and its own services must be provided to it. */
export const filterLayer = <R>(use: FilterUse<R>): Layer.Layer<Filter, InvalidInput, R> =>
  Layer.effect(
    Filter,
    Effect.zipWith(readyFilter(use), frozenOf(use.needs), (filter, models) => ({ ...filter, models })),
  )
