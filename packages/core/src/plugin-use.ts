/** Schemas of plugins with their options, one for each kind: experiments, and plugins that are made of others, hold them as values. */
import { type } from "arktype"
import { cut, kindOf } from "./contract/brief.ts"
import type { ExamplesUse } from "./example-filter.ts"
import type { FilterUse } from "./filter.ts"
import type { HeadUse } from "./head.ts"
import type { LossUse } from "./loss.ts"
import type { MeasureUse } from "./measure.ts"
import type { Attends, ModelUse } from "./model.ts"
import type { ObjectiveUse } from "./objective.ts"
import { type AnyUse, isUse, type PluginKind } from "./plugin.ts"
import type { ProposerUse } from "./proposer.ts"
import type { ScoreUse } from "./score.ts"
import type { ServiceUse } from "./service.ts"
import type { TaskUse } from "./task.ts"
import type { VariableUse } from "./variable.ts"

/** The schema of a plugin with options, of one kind, whatever it requires. */
export const useOf = <U extends AnyUse>(kind: PluginKind) =>
  type("object").narrow((value, ctx): value is U => {
    const found = value as Partial<AnyUse>
    if (isUse(value) && found.kind === kind) return true
    const expected = `${/^[aeiou]/.test(kind) ? "an" : "a"} ${kind} plugin with its options`
    if (typeof value === "function" && found.kind === kind) {
      const { plugin } = value as { readonly plugin?: unknown }
      return ctx.reject({
        expected: `${expected}: call it, ${cut(String(plugin), 64)}({ ... })`,
        actual: "the plugin itself",
      })
    }
    return ctx.reject({ expected, actual: isUse(value) ? `a ${value.kind}` : kindOf(value) })
  })

export const examplesUse = useOf<ExamplesUse>("examples")
export const filterUse = useOf<FilterUse<unknown>>("filter")
export const headUse = useOf<HeadUse>("head")
export const measureUse = useOf<MeasureUse>("measure")
export const lossUse = useOf<LossUse<unknown>>("loss")
export const objectiveUse = useOf<ObjectiveUse>("objective")
export const proposerUse = useOf<ProposerUse>("proposer")
export const scoreUse = useOf<ScoreUse>("score")
export const serviceUse = useOf<ServiceUse>("service")
export const modelUse = useOf<ModelUse<Attends>>("model")
export const taskUse = useOf<TaskUse>("task")
export const variableUse = useOf<VariableUse>("variable")
