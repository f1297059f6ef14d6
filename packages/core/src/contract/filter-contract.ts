/**
 * The contract of a filter, for input and result, checked in every micro-batch, in trials and in laws. N valid tokens.
 */
import type { FilterContext, Selection } from "../selection.ts"
import { type Statistics, statisticNames } from "../statistics/index.ts"
import { brief, kindOf } from "./brief.ts"
import { PluginFault } from "./fault.ts"
import { didYouMean, nearest } from "./nearest.ts"
import { placeOf } from "./place.ts"
import { strict } from "./strict.ts"

/** Names in the input of every filter. */
export const contextNames = ["N", "gold_N", "sequence_N", "position_N", "textOf", "step", "steps", "rng"] as const

/**
 * A maker of a filter's input: the context and the filter's statistics and services, read-only. Reading any other name
 * is a `PluginFault` that suggests the name that was probably meant.
 */
export const filterInput = (plugin: string, named: ReadonlyArray<string>) => {
  const names: ReadonlyArray<string> = [...named, ...contextNames]
  const refuse = (name: string) => {
    const meant = (statisticNames as ReadonlyArray<string>).includes(name)
      ? name
      : nearest(name, [...statisticNames, ...contextNames])
    const undeclared = (statisticNames as ReadonlyArray<string>).includes(name)
    const what = undeclared
      ? `reads ${name}, which its needs do not list`
      : `reads ${name.slice(0, 64)}, which does not exist${didYouMean(name, meant === undefined ? names : [meant])}`
    const add = meant === undefined || names.includes(meant) ? "" : ` Add ${meant} to its needs`
    const detail = `${what}${add && `${undeclared ? "." : ""}${add}`}; it is given ${names.join(", ")}`
    return new PluginFault(plugin, "needs", detail, placeOf(new Error()))
  }
  const make = strict(refuse)
  return (input: Statistics & FilterContext): Statistics & FilterContext =>
    make(Object.fromEntries(names.map((name) => [name, input[name as keyof typeof input]]))) as never
}

/** A selection in a uniform shape, with its counts. */
export interface ReadSelection {
  readonly weights_N: Uint8Array | Float32Array
  readonly divideBy: "kept" | "valid"
  readonly score_N: Float32Array | undefined
  /** Tokens with a weight above 0. */
  readonly kept: number
  /** The sum of weights. */
  readonly sum: number
}

const isWeights = (value: unknown): value is Uint8Array | Float32Array =>
  value instanceof Uint8Array || value instanceof Float32Array

/**
 * A filter's answer for N valid tokens, checked, because a wrong mask must not train.
 *
 * @param plugin kind, name and step, for the error
 * @error PluginFault (thrown) for a value that is no selection: names the returned value and the expected one
 */
export const checkedSelection = (plugin: string, selection: Selection, N: number): ReadSelection => {
  const broken = (rule: string, detail: string) => new PluginFault(plugin, rule, detail)
  const value: unknown = selection
  const isObject = typeof value === "object" && value !== null && "weights_N" in value
  const weights_N: unknown = isObject ? value.weights_N : value
  const divideBy = isObject ? (selection as { readonly divideBy?: unknown }).divideBy : "kept"
  if (!isWeights(weights_N)) {
    const kind = isObject ? `weights_N that are ${kindOf(weights_N)}` : kindOf(value)
    const how = kind === "a Promise" ? "; a filter is a plain function, not an async one" : ""
    throw broken("type", `returned ${kind}; expected a Uint8Array or Float32Array of ${N} weights${how}`)
  }
  if (weights_N.length !== N)
    throw broken("length", `returned ${weights_N.length} weights for ${N} valid tokens; return one for each`)
  if (divideBy !== "kept" && divideBy !== "valid")
    throw broken("normaliser", `returned divideBy ${brief(divideBy)}; expected "kept" or "valid"`)
  const score_N: unknown = isObject ? (selection as { readonly score_N?: unknown }).score_N : undefined
  if (score_N !== undefined && !(score_N instanceof Float32Array && score_N.length === N))
    throw broken("scores", `returned score_N that is ${kindOf(score_N)}; expected a Float32Array of ${N}, or none`)
  let sum = 0
  let kept = 0
  for (let n = 0; n < N; n++) {
    const w = weights_N[n]!
    if (!(w >= 0 && w < Number.POSITIVE_INFINITY))
      throw broken("weights", `weight ${n} is ${w}; weights are finite numbers from 0 on`)
    if (score_N !== undefined && !Number.isFinite(score_N[n]!))
      throw broken("scores", `score ${n} is ${score_N[n]}; scores are finite numbers`)
    if (w > 0) kept++
    sum += w
  }
  if (kept === 0)
    throw broken(
      "keeps something",
      "kept no token of this micro-batch; keep at least one, or there is nothing to train on",
    )
  return { weights_N, divideBy, score_N, kept, sum }
}
