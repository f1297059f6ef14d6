/**
 * Measures that fit something on labelled texts before they measure: a probe on frozen states, a fine-tuned copy.
 *
 * A labelled text is an example of a task whose answers are labels: the prompt is the text, the answer names its class.
 *
 * Letters: n texts, d hidden size.
 */
import type { Rng } from "@winnow/numerics"
import type { tf } from "@winnow/tensor"
import type { Type } from "arktype"
import { Effect } from "effect"
import { kindOf } from "./contract/brief.ts"
import { checkDefinition } from "./contract/definition.ts"
import { PluginFault, thrownBy } from "./contract/fault.ts"
import { InvalidInput } from "./errors.ts"
import { type MeasuredTexts, type MeasureUse, type MeasureWords, measureFields, textsFault } from "./measure.ts"
import type { Trainable } from "./model.ts"
import { definePlugin, type Plugin } from "./plugin.ts"
import type { EncodedExample } from "./problem.ts"
import type { TaskUse } from "./task.ts"

/** The mean over a text's tokens of the states that the vocabulary head reads, without a bias column, [n, d]. */
export type PooledStates = (texts: ReadonlyArray<Int32Array>) => tf.Tensor2D

/** A copy of the draft that a measure may train; the stage frees it. `pooled` is differentiable in its parameters. */
export interface TrainableCopy extends Trainable {
  readonly pooled: PooledStates
}

/** The input of a measure that fits. Tensors belong to the caller's tidy. */
export interface FittedInput {
  /** The task's splits. The measured one comes last, and nothing may be fitted on it. */
  readonly training: ReadonlyArray<EncodedExample>
  readonly validation: ReadonlyArray<EncodedExample>
  readonly measured: ReadonlyArray<EncodedExample>
  /** Of the draft, frozen. */
  readonly pooled: PooledStates
  /** Makes the copy, once. */
  readonly copy: () => TrainableCopy
  /** Hidden size without a bias column. */
  readonly d: number
  /** Seeded by the run's measurement: the draws are the same for every model. */
  readonly rng: Rng
}

/** A measure with its options fixed. It chooses the texts that it measures, and yields where it may be stopped. */
export interface FittedMeasure extends MeasureWords {
  readonly fitted: (input: FittedInput) => Generator<void, MeasuredTexts>
}

/**
 * Defines a measure that fits. Its options have a `task`, whose answers are labels.
 *
 * @param spec.make makes the generator of a measurement from valid options. It yields where it may be stopped, tidies its
 * tensors between two yields, and returns sum and count of each text that it measured
 */
export const defineFittedMeasure = <const O extends Type<{ readonly task: TaskUse }>>(spec: {
  readonly name: string
  /** `import.meta.url` of the module that the plugin belongs to, if another module defines it; rarely needed. */
  readonly from?: string
  readonly better: "higher" | "lower"
  readonly unit?: string
  readonly options: O
  readonly make: (options: O["infer"]) => (input: FittedInput) => Generator<void, MeasuredTexts>
}): Plugin<O, MeasureUse<FittedMeasure>> => {
  const place = checkDefinition("measure", spec, measureFields)
  const plugin = `measure ${spec.name}`
  const { name, better, unit = "" } = spec
  return definePlugin({
    kind: "measure",
    name,
    options: spec.options,
    from: spec.from,
    more: (options) => ({
      reads: ["model"] as const,
      attends: undefined,
      task: (options as { readonly task?: TaskUse }).task,
    }),
    make: (options) =>
      Effect.sync(() => {
        const measure = spec.make(options)
        if (typeof measure !== "function")
          throw new PluginFault(plugin, "definition", `make returned ${kindOf(measure)}; expected a function`, place)
        function* fitted(input: FittedInput): Generator<void, MeasuredTexts> {
          let texts: unknown
          try {
            texts = yield* measure(input)
          } catch (error) {
            throw error instanceof InvalidInput ? error : thrownBy(plugin, "its function", error)
          }
          const fault = textsFault(texts, "expected pairs of a finite sum and a count from 0, one a text")
          if (fault !== undefined) throw new PluginFault(plugin, "value", fault, place)
          return texts as MeasuredTexts
        }
        return { name, better, unit, fitted }
      }),
  })
}
