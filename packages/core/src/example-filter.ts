/**
 * A filter of examples decides once, before the first step, which examples a training reads: a list of numbers as an artifact.
 *
 * Letters: E examples of the training split, N valid tokens of a micro-batch, G states of a general text, n states of an
 * example, d hidden size.
 */
import { countKept, type Rng } from "@winnow/numerics"
import type { Type } from "arktype"
import { Effect } from "effect"
import { kindOf } from "./contract/brief.ts"
import { checkDefinition, namesAmong } from "./contract/definition.ts"
import { guarded, PluginFault } from "./contract/fault.ts"
import { placeOf } from "./contract/place.ts"
import { strict } from "./contract/strict.ts"
import { type Needs, needsOf, type ServicesRead } from "./needs.ts"
import { definePlugin, type Plugin, type UseWith } from "./plugin.ts"
import { type Statistic, statisticNames } from "./statistics/index.ts"
import type { TaskUse } from "./task.ts"

/** The name of a statistic averaged by example: `draftNll_N` is `draftNll_E`. */
export type ByExample<S extends Statistic> = S extends `${infer Name}_N` ? `${Name}_E` : never

/** @see ByExample */
export const byExample = <S extends Statistic>(name: S): ByExample<S> => name.replace(/_N$/, "_E") as ByExample<S>

/** The part of the input that is common to all filters of examples. */
export interface ExampleContext {
  /** Examples of the training split, at least 1. */
  readonly E: number
  /** Valid tokens of each example. */
  readonly tokens_E: Int32Array
  /** Seeded by the run's seed: the same run makes the same choice. */
  readonly rng: Rng
}

/** Statistics by example: the mean over its valid tokens, by the arm's models before the first step. */
export type ExampleStatistics<S extends Statistic = Statistic> = { readonly [K in ByExample<S>]: Float32Array }

/**
 * Scores an example by the target's hidden states: those, after the final norm, from which the target predicts the
 * example's valid tokens.
 */
export interface StateScore {
  /** The task whose training text is general: its states come before those of any example. */
  readonly general: TaskUse
  /** Most states of the general text, from its beginning; at least 2. */
  readonly tokens: number
  /**
   * Reads the general states, and returns the score of an example's states, a finite number.
   *
   * @param h_Gd row-major; the function may keep it
   */
  readonly fit: (h_Gd: Float32Array, G: number, d: number) => (h_nd: Float32Array, n: number) => number
}

/** The part of the input that a filter with a score of states also has. */
export interface ScoredByStates {
  /** The score of each example. */
  readonly score_E: Float32Array
}

/** 1 for each chosen example, 0 for the others. */
export type Choose<S extends Statistic, X extends object = object> = (
  input: ExampleStatistics<S> & ExampleContext & X,
) => Uint8Array

/** A filter of examples in the form that the lab calls. */
export interface ExamplesInstance {
  readonly name: string
  readonly needs: ReadonlyArray<Statistic>
  /**
   * The score of states whose numbers the choice reads, if it has one.
   * @error PluginFault (thrown, by `fit` and its function) for a score that is not finite
   */
  readonly states?: StateScore
  /** @error PluginFault (thrown) for an answer that is no choice, or that keeps no example */
  readonly choose: (input: Partial<ExampleStatistics & ScoredByStates> & ExampleContext) => Uint8Array
}

/** A filter of examples with its options. R names the models that its statistics are computed from. */
export type ExamplesUse<R = unknown> = UseWith<"examples", ExamplesInstance, never, never, { readonly needs: Needs<R> }>

/** The common part of definitions of filters of examples; X is what the function reads beside statistics. */
interface ExampleFilterBase<O extends Type, S extends Statistic, X extends object> {
  readonly name: string
  readonly of: "examples"
  /** `import.meta.url` of the module that the plugin belongs to, if another module defines it; rarely needed. */
  readonly from?: string
  /** Statistics whose means the function reads; none costs no pass over the data. */
  readonly needs: ReadonlyArray<S>
  readonly options: O
  readonly make: (options: O["infer"]) => Choose<NoInfer<S>, X>
}

/** A definition of a filter of examples. */
export interface ExampleFilterSpec<O extends Type, S extends Statistic> extends ExampleFilterBase<O, S, object> {
  readonly states?: undefined
}

/** A definition of a filter of examples that reads a score of the target's states. */
export interface StateFilterSpec<O extends Type, S extends Statistic> extends ExampleFilterBase<O, S, ScoredByStates> {
  /** The score, made from valid options: the function reads its numbers as `score_E`. */
  readonly states: (options: O["infer"]) => StateScore
}

const contextNames = ["E", "tokens_E", "rng"]

/** A score of states whose numbers are checked. */
const checkedScore = (plugin: string, { fit, ...rest }: StateScore): StateScore => ({
  ...rest,
  fit: (h_Gd, G, d) => {
    const score = guarded(plugin, "the fit of its states", () => fit(h_Gd, G, d))
    return (h_nd, n) => {
      const value = guarded(plugin, "its score of states", () => score(h_nd, n))
      if (Number.isFinite(value)) return value
      throw new PluginFault(plugin, "scores", `scored ${n} states as ${value}; expected a finite number`)
    }
  },
})

/** The choice, checked: one 0 or 1 for each example, not all 0. */
const checkedChoice = (plugin: string, choice: unknown, E: number): Uint8Array => {
  const broken = (rule: string, detail: string) => new PluginFault(plugin, rule, detail)
  if (!(choice instanceof Uint8Array))
    throw broken("type", `returned ${kindOf(choice)}; expected a Uint8Array of ${E}, 1 for each example that is read`)
  if (choice.length !== E)
    throw broken("length", `returned ${choice.length} choices for ${E} examples; return one for each`)
  const odd = choice.findIndex((x) => x > 1)
  if (odd >= 0) throw broken("choices", `choice ${odd} is ${choice[odd]}; an example is read, 1, or not, 0`)
  if (countKept(choice) === 0)
    throw broken("keeps something", "keeps no example; keep at least one, or there is nothing to train on")
  return choice
}

/** Defines a filter of examples; `defineFilter` with `of: "examples"` is this. */
export const defineExampleFilter = <const O extends Type, const S extends Statistic>(
  spec: ExampleFilterSpec<O, S> | StateFilterSpec<O, S>,
): Plugin<O, ExamplesUse<ServicesRead<S>>> => {
  const place = checkDefinition("examples", spec, {
    of: () => undefined,
    needs: namesAmong("statistic", statisticNames),
    states: (value) =>
      value === undefined || typeof value === "function"
        ? undefined
        : `is ${kindOf(value)}; expected a function of the options that returns { general, tokens, fit }`,
  })
  const plugin = `examples ${spec.name}`
  const names = [...spec.needs.map(byExample), ...(spec.states ? ["score_E"] : []), ...contextNames]
  const input = strict((name) => {
    const detail = `reads ${name.slice(0, 64)}, which its needs do not list; it is given ${names.join(", ")}`
    return new PluginFault(plugin, "needs", detail, placeOf(new Error()))
  })
  return definePlugin({
    kind: "examples",
    name: spec.name,
    options: spec.options,
    from: spec.from,
    more: () => ({ needs: needsOf<ServicesRead<S>>(spec.needs, [], {}) }),
    make: (options) =>
      Effect.sync((): ExamplesInstance => {
        const choose: unknown = spec.make(options)
        if (typeof choose !== "function")
          throw new PluginFault(plugin, "definition", `make returned ${kindOf(choose)}; expected a function`, place)
        return {
          name: spec.name,
          needs: spec.needs,
          ...(spec.states && { states: checkedScore(plugin, spec.states(options)) }),
          choose: (all) => {
            const own = Object.fromEntries(names.map((name) => [name, all[name as keyof typeof all]]))
            return checkedChoice(
              plugin,
              guarded(plugin, "its function", () => choose(input(own))),
              all.E,
            )
          },
        }
      }),
  })
}
