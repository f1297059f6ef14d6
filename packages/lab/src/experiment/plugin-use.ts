/** Schemas of plugins with their options, one for each kind: an experiment holds them as values. */

import type { ProposerUse, ScoreUse, Target, TaskUse, Use } from "@winnow/core"
import { cut, type FilterUse, kindOf, type LossUse, type ModelUse, type PluginKind, type Reference } from "@winnow/core"
import { type } from "arktype"
import type { StudyUse } from "../study/study.ts"
import { isUse } from "./registry.ts"

/** A plugin with options, of one kind, whatever it requires. */
const use = <K extends PluginKind, U extends Use<K, unknown, unknown, unknown>>(kind: K) =>
  type("object").narrow((value, ctx): value is U => {
    const found = value as Partial<Use<PluginKind, unknown>>
    if (isUse(value) && found.kind === kind) return true
    const expected = `a ${kind} plugin with its options`
    if (typeof value === "function" && found.kind === kind) {
      const { plugin } = value as { readonly plugin?: unknown }
      return ctx.reject({
        expected: `${expected}: call it, ${cut(String(plugin), 64)}({ ... })`,
        actual: "the plugin itself",
      })
    }
    return ctx.reject({ expected, actual: isUse(value) ? `a ${value.kind}` : kindOf(value) })
  })

export const filterUse = use<"filter", FilterUse<Reference | Target>>("filter")
export const lossUse = use<"loss", LossUse<Target>>("loss")
export const proposerUse = use<"proposer", ProposerUse>("proposer")
export const scoreUse = use<"score", ScoreUse>("score")
export const studyUse = use<"study", StudyUse>("study")
export const modelUse = use<"model", ModelUse>("model")
export const taskUse = use<"task", TaskUse>("task")
