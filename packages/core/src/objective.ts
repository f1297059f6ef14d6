/** An objective makes a training problem from examples: inputs, and tokens to predict from them. */
import type { Type } from "arktype"
import { Effect } from "effect"
import { brief, kindOf } from "./contract/brief.ts"
import { checkDefinition, type FieldCheck } from "./contract/definition.ts"
import { guarded, PluginFault } from "./contract/fault.ts"
import { checkedProblem } from "./contract/problem-contract.ts"
import { definePlugin, type Plugin, type UseWith } from "./plugin.ts"
import type { ObjectiveInput, Problem } from "./problem.ts"

export type MakeProblem = (input: ObjectiveInput) => Problem

/** Mean tokens of an example, and of its trained part; above 0. */
export interface ExampleSizes {
  readonly length: number
  readonly trained: number
}

/** An objective in the form that the source of batches calls. */
export interface ObjectiveInstance {
  readonly name: string
  /**
   * True if an example has the same rows in every pass: its trained tokens in order, each predicted from the tokens
   * before it. Cached signals of frozen models, by example and position, serve no other objective.
   */
  readonly repeats: boolean
  /** The positions that a row's prediction may depend on: those before the token, or all of its sequence. */
  readonly reads: "before" | "both"
  /** Mean rows of an example, over the whole stage: for the cost of a stage that has not run. */
  readonly rows: (sizes: ExampleSizes) => number
  readonly problem: MakeProblem
}

/** The fields of an objective for plans, before it is made. */
export type ObjectiveTraits = Pick<ObjectiveInstance, "repeats" | "reads">

export type ObjectiveUse = UseWith<"objective", ObjectiveInstance, never, never, { readonly traits: ObjectiveTraits }>

const among =
  (...values: ReadonlyArray<unknown>): FieldCheck =>
  (value) =>
    values.includes(value)
      ? undefined
      : `is ${kindOf(value)}; expected ${values.map((v) => JSON.stringify(v)).join(" or ")}`

/**
 * Defines an objective.
 *
 * @param spec.make makes from valid options the function from examples to a problem: plain, synchronous, with draws
 * from `input.rng` only
 */
export const defineObjective = <const O extends Type>(spec: {
  readonly name: string
  /** `import.meta.url` of the module that the plugin belongs to, if another module defines it; rarely needed. */
  readonly from?: string
  readonly repeats: boolean
  readonly reads: "before" | "both"
  readonly options: O
  /** Mean rows of an example of such sizes, for the cost of a stage before it runs; its trained tokens if left out. */
  readonly rows?: (options: O["infer"], sizes: ExampleSizes) => number
  readonly make: (options: O["infer"]) => MakeProblem
}): Plugin<O, ObjectiveUse> => {
  const place = checkDefinition("objective", spec, {
    repeats: among(true, false),
    reads: among("before", "both"),
    rows: (value) =>
      value === undefined || typeof value === "function"
        ? undefined
        : `is ${kindOf(value)}; expected a function of the options and an example's sizes`,
  })
  const plugin = `objective ${spec.name}`
  const traits = { repeats: spec.repeats, reads: spec.reads }
  return definePlugin({
    kind: "objective",
    name: spec.name,
    options: spec.options,
    from: spec.from,
    more: () => ({ traits }),
    make: (options) =>
      Effect.sync(() => {
        const problem: unknown = spec.make(options)
        if (typeof problem !== "function")
          throw new PluginFault(
            plugin,
            "definition",
            `make returned ${kindOf(problem)}; expected a function of the examples`,
            place,
          )
        return {
          name: spec.name,
          ...traits,
          rows: (sizes) => {
            if (spec.rows === undefined) return sizes.trained
            const count: unknown = guarded(plugin, "rows", () => spec.rows!(options, sizes))
            if (typeof count === "number" && count > 0 && count <= sizes.length) return count
            const detail = `rows returned ${brief(count)} for an example of ${sizes.length} tokens; expected a number above 0, no more than its tokens`
            throw new PluginFault(plugin, "rows", detail, place)
          },
          problem: (input) =>
            checkedProblem(
              plugin,
              input,
              guarded(plugin, "its function", () => (problem as MakeProblem)(input)),
            ),
        } satisfies ObjectiveInstance
      }),
  })
}
