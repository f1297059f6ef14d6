/** The measures of an experiment: acceptance, which the lab itself computes, and plugins. */
import { type MeasureUse, measureUse } from "@winnow/core"
import { type } from "arktype"

/** The list of a run's measures; if left out, only acceptance. Acceptance leads if it is listed, else the first. */
export const measuresSpec = type("'acceptance'").or(measureUse).array().atLeastLength(1)

/** A measure as an experiment lists it. */
export type ListedMeasure = "acceptance" | MeasureUse

/** True if a run measures acceptance by a target. */
export const hasAcceptance = (measures: ReadonlyArray<ListedMeasure> | undefined): boolean =>
  measures === undefined || measures.includes("acceptance")

/** The fields of `measure` that all measures have; the others concern texts that the target writes. */
const common: ReadonlySet<string> = new Set(["split", "prompts", "seed"])

/** `measure` in the form of a run without acceptance. */
export const withoutDecoding = (measure: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(measure).filter(([key]) => common.has(key)))

/** Settings of an experiment that concern acceptance, if it is not measured. */
export const decodingSettings = (experiment: {
  readonly measure?: object | undefined
  readonly primary?: unknown
  readonly study?: { readonly judged: "acceptance" | "measures" } | undefined
}): ReadonlyArray<string> => {
  const of = Object.keys(experiment.measure ?? {}).filter((key) => !common.has(key))
  return [
    ...of.map((key) => `measure.${key}`),
    ...(experiment.primary === undefined ? [] : ["primary"]),
    ...(experiment.study === undefined || experiment.study.judged === "measures" ? [] : ["study"]),
  ]
}
