/** The conclusions from the figures of a run that measures no acceptance, in words. */
import { short } from "../table/format.ts"
import type { ArmsRun } from "./comparisons.ts"
import type { MeasuresRecord } from "./measures-schema.ts"
import { ofBaseline, ofSweep } from "./search-sentences.ts"
import { comparison, inOrder, ofMissing, ofSeeds, ofSign, together, verdictOn } from "./sentences.ts"

const limits = ({ data, arms: { target, draftParameters } }: MeasuresRecord): string =>
  `All this is for a draft of ${short(draftParameters)} parameters, ${target === null ? "no target" : `a target of ${short(target.parameters)}`}, ${data.dataset} and the budgets in the table. ` +
  "Nothing was decoded: of the tokens that a target accepts it says nothing, nor of other sizes, tasks and budgets."

/** The verdict, and the conclusions that follow it, a sentence or a few each. */
export const measuresConclusions = (
  record: MeasuresRecord,
  run: ArmsRun,
): { readonly verdict: string; readonly conclusions: ReadonlyArray<string> } => {
  const all = inOrder(run)
  const verdict = verdictOn(run)
  return {
    verdict,
    conclusions: [
      verdict,
      ...ofSign(all, run, "figure", "text"),
      ...all.map((compared) => comparison(compared, run)),
      ...together(all, run),
      ofSweep(record.arms),
      ...ofBaseline(record.config, record.arms),
      ...ofSeeds(record),
      ...ofMissing({ ...record.arms, missing: record.missing, seeds: record.seeds }),
      limits(record),
    ],
  }
}
