/**
 * A measure computes figures of a table from a trained draft: a sum and a count for each text, whose ratio over all
 * texts is the figure. The lab itself measures acceptance by a target; measures cover the rest, and serve encoders and
 * heads too.
 *
 * Letters: N valid rows of a problem.
 */
import type { Rng } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import type { Type } from "arktype"
import { Effect } from "effect"
import { kindOf } from "./contract/brief.ts"
import { checkDefinition, namesAmong } from "./contract/definition.ts"
import { guarded, PluginFault } from "./contract/fault.ts"
import { strict } from "./contract/strict.ts"
import type { DraftRows } from "./draft-rows.ts"
import type { InvalidInput } from "./errors.ts"
import type { FittedMeasure } from "./fitting.ts"
import type { MeasuredTexts, MeasureWords } from "./measured-texts.ts"
import type { Attends, Encoder } from "./model.ts"
import type { ObjectiveUse } from "./objective.ts"
import { definePlugin, type Plugin, type UseWith, usesIn } from "./plugin.ts"
import type { EncodedExample, Problem } from "./problem.ts"
import type { TaskUse } from "./task.ts"

/** The values that a measure may read, by name. Tensors made of them are freed when the measure returns. */
export interface Measurable {
  /** The draft as a model, read-only. A measure that reads it cannot measure heads. */
  readonly model: Encoder
  /**
   * The rows of a problem that the draft predicts: one entry with all rows for a model, its computed entries for a
   * head.
   */
  readonly rows: (problem: Problem) => ReadonlyArray<DraftRows>
  /** The same for the frozen target: one entry with all N rows. */
  readonly targetRows: (problem: Problem) => DraftRows
  /** The same for the target as the training of a head has left it: the frozen one, or the copy that a head trained. */
  readonly leftRows: (problem: Problem) => DraftRows
}
export type MeasurableName = keyof Measurable
export const measurableNames = [
  "model",
  "rows",
  "targetRows",
  "leftRows",
] as const satisfies ReadonlyArray<MeasurableName>

/** The common part of every measure's input, for a portion of the texts. */
export interface MeasureContext {
  /** At least 1. */
  readonly examples: ReadonlyArray<EncodedExample>
  /** Size of the draft's vocabulary: V. */
  readonly vocabularySize: number
  /** Seeded by the run's measurement and the number of the portion: the draws are the same for every model. */
  readonly rng: Rng
}

/** A measure with its options fixed, of a portion of the texts. */
export interface PortionMeasure extends MeasureWords {
  readonly of: (input: Partial<Measurable> & MeasureContext) => MeasuredTexts
}

/** A measure with its options fixed; the other kind first fits something on training texts: `fitted-measure.ts`. */
export type MeasureInstance = PortionMeasure | FittedMeasure

/** A measure with options. `reads` tells which models its stage opens, and if it can measure heads. */
export type MeasureUse<I = MeasureInstance> = UseWith<
  "measure",
  I,
  never,
  never,
  {
    readonly reads: ReadonlyArray<MeasurableName>
    /** The attention that its question needs; undefined: it asks a model as it is. */
    readonly attends: Attends | undefined
    /** The task whose texts it measures, in place of the experiment's own. */
    readonly task: TaskUse | undefined
  }
>

/** The attention that the objective among a measure's options needs. */
const attentionOf = (options: unknown): Attends | undefined => {
  const [objective] = usesIn(options).filter(
    ({ kind }) => kind === "objective",
  ) as unknown as ReadonlyArray<ObjectiveUse>
  return objective?.traits.reads
}

const isPair = (value: unknown): value is readonly [number, number] =>
  Array.isArray(value) && value.length === 2 && value.every((x) => typeof x === "number" && Number.isFinite(x))

/** The fault in the answer of a measure; undefined for sums and counts of texts. */
export const textsFault = (texts: unknown, expected: string): string | undefined => {
  if (!Array.isArray(texts)) return `returned ${kindOf(texts)}; ${expected}`
  const odd = texts.find((pair) => !isPair(pair) || pair[1] < 0)
  return odd === undefined ? undefined : `returned ${kindOf(odd)} among them; ${expected}`
}

/** The checks of a definition's fields that all measures have. */
export const measureFields = {
  better: (value: unknown) =>
    value === "higher" || value === "lower" ? undefined : `is ${kindOf(value)}; expected "higher" or "lower"`,
  unit: (value: unknown) =>
    value === undefined || typeof value === "string" ? undefined : `is ${kindOf(value)}; expected text`,
}

/**
 * Defines a measure.
 *
 * @param spec.reads the values that the function reads; its input has no others
 * @param spec.attends the attention that its question needs; if left out, that of the objective among its options. A model
 * with the other attention is turned for it, if its family has both
 * @param spec.make makes from valid options, which may contain other plugins, the function of a portion of texts, or an
 * Effect of it
 */
export const defineMeasure = <const O extends Type, const R extends MeasurableName>(spec: {
  readonly name: string
  /** `import.meta.url` of the module that the plugin belongs to, if another module defines it; rarely needed. */
  readonly from?: string
  readonly reads: ReadonlyArray<R>
  readonly attends?: Attends
  readonly better: "higher" | "lower"
  readonly unit?: string
  readonly options: O
  readonly make: (
    options: O["infer"],
  ) =>
    | ((input: Pick<Measurable, R> & MeasureContext) => MeasuredTexts)
    | Effect.Effect<(input: Pick<Measurable, R> & MeasureContext) => MeasuredTexts, InvalidInput>
}): Plugin<O, MeasureUse<PortionMeasure>> => {
  const place = checkDefinition("measure", spec, {
    reads: namesAmong("value that a measure can read", measurableNames),
    attends: (value) =>
      value === undefined || value === "before" || value === "both"
        ? undefined
        : `is ${kindOf(value)}; expected "before" or "both"`,
    ...measureFields,
  })
  const plugin = `measure ${spec.name}`
  const { name, reads, better, unit = "" } = spec
  const inputOf = strict((field) => {
    const names = ["examples", "vocabularySize", "rng", ...reads].join(", ")
    return new PluginFault(plugin, "reads", `reads ${field}, which its reads do not list; it is given ${names}`, place)
  })
  return definePlugin({
    kind: "measure",
    name,
    options: spec.options,
    from: spec.from,
    more: (options) => ({ reads, attends: spec.attends ?? attentionOf(options), task: undefined }),
    make: (options) =>
      Effect.gen(function* () {
        const answer = spec.make(options)
        const measure: unknown = Effect.isEffect(answer) ? yield* answer : answer
        if (typeof measure !== "function")
          throw new PluginFault(plugin, "definition", `make returned ${kindOf(measure)}; expected a function`, place)
        const of = (whole: Partial<Measurable> & MeasureContext): MeasuredTexts => {
          const { examples, vocabularySize, rng } = whole
          const values = Object.fromEntries(reads.map((of) => [of, whole[of]]))
          const input = inputOf({ examples, vocabularySize, rng, ...values })
          let texts: unknown
          tf.tidy(() => {
            texts = guarded(plugin, "its function", () => measure(input as never)) // `input` has the values in `reads`.
          })
          const broken = (detail: string) => new PluginFault(plugin, "value", detail, place)
          const expected = `expected ${examples.length} pairs of a finite sum and a count from 0, one a text`
          const fault = textsFault(texts, expected)
          if (fault !== undefined) throw broken(fault)
          const found = texts as MeasuredTexts
          if (found.length !== examples.length) throw broken(`returned ${found.length} entries; ${expected}`)
          return found
        }
        return { name, better, unit, of } satisfies MeasureInstance
      }),
  })
}
