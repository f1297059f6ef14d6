/** Filters made of other filters: plugins like any other, with the needs of the filters among their options. */
import type { Type } from "arktype"
import { Effect } from "effect"
import { kindOf } from "../contract/brief.ts"
import { checkDefinition } from "../contract/definition.ts"
import type { InvalidInput } from "../errors.ts"
import type { FilterInstance, FilterUse } from "../filter.ts"
import { jointNeeds } from "../needs.ts"
import { definePlugin, type Plugin, usesIn } from "../plugin.ts"

/** The filters among options, in their order. */
const filtersIn = (options: unknown): ReadonlyArray<FilterUse<unknown>> =>
  usesIn(options).filter((use): use is FilterUse<unknown> => use.kind === "filter")

/**
 * Defines a filter of filters.
 *
 * The options hold the filters as `filterUse`, under any names. As JSON such a filter is
 * `{ kind: "filter", name, options }`.
 *
 * @param spec.make makes the combined filter's functions from valid options and an instance of each filter among them;
 * the needs are those of the filters
 */
export const defineCombinator = <const O extends Type>(spec: {
  readonly name: string
  /** `import.meta.url` of the module that the plugin belongs to, if another module defines it; rarely needed. */
  readonly from?: string
  readonly options: O
  /** The approximate fraction of kept tokens, from the fraction that each of the filters keeps. */
  readonly keeps: (options: O["infer"], each: ReadonlyArray<number>) => number
  readonly make: (
    options: O["infer"],
    filters: ReadonlyArray<FilterInstance>,
  ) => Omit<FilterInstance, "name" | "needs"> | Effect.Effect<Omit<FilterInstance, "name" | "needs">, InvalidInput>
}): Plugin<O, FilterUse<unknown>> => {
  checkDefinition("filter", spec, {
    keeps: (value) => (typeof value === "function" ? undefined : `is ${kindOf(value)}; expected a function`),
  })
  const needsIn = (options: unknown) => jointNeeds(filtersIn(options))
  return definePlugin({
    kind: "filter",
    name: spec.name,
    options: spec.options,
    from: spec.from,
    more: (options, decoded) => ({
      needs: needsIn(options),
      keeps: Effect.flatMap(decoded, (options) =>
        Effect.map(
          Effect.forEach(filtersIn(options), ({ keeps }) => keeps),
          (each) => spec.keeps(options, each),
        ),
      ),
    }),
    make: (options) =>
      Effect.gen(function* () {
        const filters = yield* Effect.forEach(filtersIn(options), ({ instance }) => instance)
        const combination = spec.make(options, filters)
        const functions = Effect.isEffect(combination) ? yield* combination : combination
        return { name: spec.name, needs: needsIn(options).statistics, ...functions }
      }),
  })
}

/** A combined filter with the services of its filters in its type. */
export const combined = <R>(use: FilterUse<unknown>, ..._of: ReadonlyArray<FilterUse<R>>): FilterUse<R> =>
  use as FilterUse<R> // `defineCombinator` gives it the needs of these filters.
