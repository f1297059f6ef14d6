import type { Type } from "arktype"
import { Effect } from "effect"
import { kindOf } from "./contract/brief.ts"
import { checkDefinition } from "./contract/definition.ts"
import { PluginFault, thrownBy } from "./contract/fault.ts"
import { InvalidInput } from "./errors.ts"
import type { FittedInput, FittedMeasure } from "./fitting.ts"
import { type MeasureUse, measureFields, textsFault } from "./measure.ts"
import type { MeasuredTexts } from "./measured-texts.ts"
import { definePlugin, type Plugin } from "./plugin.ts"
import type { TaskUse } from "./task.ts"

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
