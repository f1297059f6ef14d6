/**
 * A measure turns a trained model into figures of a table: of each text a sum and a count, whose ratio over all texts is the
 * figure. Acceptance by a target is measured by the lab itself; a measure is all else, and serves encoders too.
 */
import type { Rng } from "@winnow/numerics"
import type { Type } from "arktype"
import { Effect } from "effect"
import { kindOf } from "./contract/brief.ts"
import { checkDefinition } from "./contract/definition.ts"
import { guarded, PluginFault } from "./contract/fault.ts"
import type { InvalidInput } from "./errors.ts"
import type { Encoder } from "./model.ts"
import { definePlugin, type Plugin, type Use } from "./plugin.ts"
import type { EncodedExample } from "./problem.ts"

/** Everything that a measure is given for a portion of the texts. */
export interface MeasureInput {
  /** Not to be changed; tensors made of it are the measure's own to dispose. */
  readonly model: Encoder
  /** At least 1. */
  readonly examples: ReadonlyArray<EncodedExample>
  /** Seeded by the run's measurement and the number of the portion: every model draws the same. */
  readonly rng: Rng
}

/** The sum and the count of each text, in their order. A count of 0 says that a text has nothing to measure. */
export type MeasuredTexts = ReadonlyArray<readonly [sum: number, count: number]>

/** A measure with its options fixed. */
export interface MeasureInstance {
  readonly name: string
  readonly better: "higher" | "lower"
  /** "%" of a share, "nats"; "" for a plain number. */
  readonly unit: string
  readonly of: (input: MeasureInput) => MeasuredTexts
}

export type MeasureUse = Use<"measure", MeasureInstance>

const isPair = (value: unknown): value is readonly [number, number] =>
  Array.isArray(value) && value.length === 2 && value.every((x) => typeof x === "number" && Number.isFinite(x))

/**
 * Defines a measure.
 *
 * @param spec.make from valid options, which may hold other plugins, to the function of a portion of texts, or an Effect of it
 */
export const defineMeasure = <const O extends Type>(spec: {
  readonly name: string
  /** `import.meta.url` of a module on whose behalf another one defines the plugin; rarely needed. */
  readonly from?: string
  readonly better: "higher" | "lower"
  readonly unit?: string
  readonly options: O
  readonly make: (
    options: O["infer"],
  ) => ((input: MeasureInput) => MeasuredTexts) | Effect.Effect<(input: MeasureInput) => MeasuredTexts, InvalidInput>
}): Plugin<O, MeasureUse> => {
  const place = checkDefinition("measure", spec, {
    better: (value) =>
      value === "higher" || value === "lower" ? undefined : `is ${kindOf(value)}; expected "higher" or "lower"`,
    unit: (value) =>
      value === undefined || typeof value === "string" ? undefined : `is ${kindOf(value)}; expected text`,
  })
  const plugin = `measure ${spec.name}`
  const { name, better, unit = "" } = spec
  return definePlugin({
    kind: "measure",
    name,
    options: spec.options,
    from: spec.from,
    more: () => ({}),
    make: (options) =>
      Effect.gen(function* () {
        const made = spec.make(options)
        const measure: unknown = Effect.isEffect(made) ? yield* made : made
        if (typeof measure !== "function")
          throw new PluginFault(plugin, "definition", `make returned ${kindOf(measure)}; expected a function`, place)
        const of = (input: MeasureInput): MeasuredTexts => {
          const found: unknown = guarded(plugin, "its function", () => measure(input))
          const broken = (detail: string) => new PluginFault(plugin, "value", detail, place)
          const expected = `expected ${input.examples.length} pairs of a finite sum and a count from 0, one a text`
          if (!Array.isArray(found)) throw broken(`returned ${kindOf(found)}; ${expected}`)
          if (found.length !== input.examples.length) throw broken(`returned ${found.length} entries; ${expected}`)
          const odd = found.find((pair) => !isPair(pair) || pair[1] < 0)
          if (odd !== undefined) throw broken(`returned ${kindOf(odd)} among them; ${expected}`)
          return found as MeasuredTexts
        }
        return { name, better, unit, of } satisfies MeasureInstance
      }),
  })
}
