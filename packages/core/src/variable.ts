/**
 * A variable: a class or a number of each token of a text, computed from the text, or from the target's loss on it. A
 * head reads it off a frozen model's hidden states.
 *
 * Letters: L tokens of a text, C classes.
 */
import type { Type } from "arktype"
import { Effect } from "effect"
import { brief, kindOf } from "./contract/brief.ts"
import { checkDefinition } from "./contract/definition.ts"
import { guarded, PluginFault } from "./contract/fault.ts"
import { definePlugin, type Plugin, type UseWith } from "./plugin.ts"

/** A text as a variable reads it. */
export interface VariableText {
  /** Token ids, [L]. */
  readonly ids: Int32Array
  /** The text of each token, [L]; a token that is a part of a character has U+FFFD. */
  readonly pieces: ReadonlyArray<string>
  /** The target's -log p(token | those before it), nats, [L], for a variable that reads it; NaN where it is not known. */
  readonly targetLoss?: Float32Array
}

/** The numbers of a variable: classes from 0, or numbers in a range, which a head cuts into bins. */
export type VariableScale =
  | { readonly kind: "classes"; readonly classes: number }
  | { readonly kind: "number"; readonly from: number; readonly to: number }

/** A variable with its options fixed. */
export interface VariableInstance {
  readonly name: string
  readonly scale: VariableScale
  /** True if the value at a token depends on later tokens too. */
  readonly looksAhead: boolean
  /** True if its text must have the target's losses. */
  readonly readsTarget: boolean
  /** The value of each token, [L]: a class, a number, or NaN for a token that has none. */
  readonly values: (text: VariableText) => Float64Array
}

export type VariableUse = UseWith<"variable", VariableInstance, never, never, { readonly readsTarget: boolean }>

/** Number of classes, or the ends of the range, from valid options. */
type Of<O extends Type, A> = A | ((options: O["infer"]) => A)

const isFunctionOr =
  (check: (value: unknown) => boolean, expected: string) =>
  (value: unknown): string | undefined =>
    value === undefined || typeof value === "function" || check(value)
      ? undefined
      : `is ${kindOf(value)}; expected ${expected}, or a function of the options that returns it`

const isFlag = (value: unknown) =>
  value === undefined || typeof value === "boolean" ? undefined : `is ${kindOf(value)}; expected true or false`

const isCount = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 2

const isRange = (value: unknown): value is readonly [number, number] =>
  Array.isArray(value) && value.length === 2 && value.every(Number.isFinite) && value[0] < value[1]

/**
 * Defines a variable.
 *
 * @param spec.classes number of classes, at least 2, where it is a class
 * @param spec.range lowest and highest value, where it is a number; values beyond count as the ends
 * @param spec.looksAhead true if a token's value depends on later tokens; false if left out
 * @param spec.readsTarget true if it is computed from the target's losses on the text; false if left out
 * @param spec.make makes from valid options the function of a text: a value for each token, NaN for none
 */
export const defineVariable = <const O extends Type>(spec: {
  readonly name: string
  /** `import.meta.url` of the module that the plugin belongs to, if another module defines it; rarely needed. */
  readonly from?: string
  readonly classes?: Of<O, number>
  readonly range?: Of<O, readonly [from: number, to: number]>
  readonly looksAhead?: boolean
  readonly readsTarget?: boolean
  readonly options: O
  readonly make: (options: O["infer"]) => (text: VariableText) => ArrayLike<number>
}): Plugin<O, VariableUse> => {
  const place = checkDefinition("variable", spec, {
    classes: isFunctionOr(isCount, "a number of classes, 2 at least"),
    range: isFunctionOr(isRange, "two numbers, the lower first"),
    looksAhead: isFlag,
    readsTarget: isFlag,
  })
  const { readsTarget = false } = spec
  const plugin = `variable ${spec.name}`
  const refuse = (rule: string, detail: string) => new PluginFault(plugin, rule, detail, place)
  if ((spec.classes === undefined) === (spec.range === undefined))
    throw refuse("definition", "it is defined with classes and range, or with neither; expected one of them")
  const scaleOf = (options: O["infer"]): VariableScale => {
    const { classes, range } = spec
    if (classes !== undefined) {
      const C: unknown = typeof classes === "function" ? classes(options) : classes
      if (!isCount(C)) throw refuse("definition", `classes returned ${brief(C, 40)}; expected a whole number from 2 on`)
      return { kind: "classes", classes: C }
    }
    const ends: unknown = typeof range === "function" ? range(options) : range
    if (!isRange(ends))
      throw refuse("definition", `range returned ${brief(ends, 40)}; expected two numbers, the lower first`)
    return { kind: "number", from: ends[0], to: ends[1] }
  }
  return definePlugin({
    kind: "variable",
    name: spec.name,
    options: spec.options,
    from: spec.from,
    more: () => ({ readsTarget }),
    make: (options) =>
      Effect.sync((): VariableInstance => {
        const valuesOf = spec.make(options)
        if (typeof valuesOf !== "function")
          throw refuse("definition", `make returned ${kindOf(valuesOf)}; expected a function of a text`)
        const scale = scaleOf(options)
        const values = (text: VariableText): Float64Array => {
          const L = text.ids.length
          if (readsTarget && text.targetLoss?.length !== L)
            throw refuse(
              "text",
              `has ${text.targetLoss?.length ?? "no"} losses of the target for ${L} tokens; give each`,
            )
          const found: unknown = guarded(plugin, "its function", () => valuesOf(text))
          const length = (found as ArrayLike<number> | null | undefined)?.length
          if (length !== L)
            throw refuse(
              "value",
              `returned ${length === undefined ? kindOf(found) : `${length} values`}; expected one for each of the ${L} tokens`,
            )
          const value_L = Float64Array.from(found as ArrayLike<number>)
          const odd = value_L.findIndex((x) => !Number.isNaN(x) && !isValue(scale, x))
          if (odd >= 0)
            throw refuse("value", `gave token ${odd} the value ${value_L[odd]}; expected ${expectedOf(scale)}`)
          return value_L
        }
        return { name: spec.name, scale, looksAhead: spec.looksAhead ?? false, readsTarget, values }
      }),
  })
}

const isValue = (scale: VariableScale, x: number): boolean =>
  scale.kind === "number" ? Number.isFinite(x) : Number.isInteger(x) && x >= 0 && x < scale.classes

const expectedOf = (scale: VariableScale): string =>
  scale.kind === "number"
    ? "a finite number, or NaN for none"
    : `a class from 0 to ${scale.classes - 1}, or NaN for none`

/** Classes of a scale: the variable's own, or the bins of a number. */
export const classesOf = (scale: VariableScale, bins: number): number =>
  scale.kind === "classes" ? scale.classes : bins

/** The class of a value: itself, or the bin of a number, the outer bins for numbers beyond the range. */
export const classOf = (scale: VariableScale, bins: number, x: number): number => {
  if (scale.kind === "classes") return x
  const at = Math.floor(((x - scale.from) / (scale.to - scale.from)) * bins)
  return Math.min(bins - 1, Math.max(0, at))
}

/** The middle of each bin of a number, [bins]. */
export const binMiddles = ({ from, to }: { readonly from: number; readonly to: number }, bins: number): Float32Array =>
  Float32Array.from({ length: bins }, (_, b) => from + ((b + 0.5) / bins) * (to - from))
