/** The conclusions from a distillation's figures, in words. */
import { nats as inNats, short, written } from "../table/format.ts"
import { armsOf, armsRun } from "./comparisons.ts"
import type { RunRecord } from "./schema.ts"
import { ofBaseline, ofSweep } from "./search-sentences.ts"
import { comparison, inOrder, ofMissing, ofSeeds, ofSign, together, verdictOn } from "./sentences.ts"

const nats = (x: number): string => written(x, inNats)

/** The verdict on the arm that the run is about, in one line: the other arm, the budget, the number of seeds. */
export const verdict = (run: RunRecord): string => verdictOn(armsRun(run))

/** The KL that a long training of the draft reaches, beside the KL of the arms. */
const ofCapacity = (run: RunRecord): string => {
  const long = run.capacity?.points.at(-1)
  if (long === undefined || long.draftKl.value === null)
    return "The draft's capacity was not checked: how far a longer training on all tokens would come is not known."
  const half = run.capacity!.points.at(-2)?.draftKl.value ?? null
  const { value, low, high } = long.draftKl
  const range = low === null || high === null ? "" : ` [${nats(low)}, ${nats(high)}] (prompts alone, 1 seed)`
  const before = half === null ? "" : `, ${nats(half)} at half the steps`
  const kls = armsOf(run).flatMap(({ draftKl }) => draftKl.value ?? [])
  const arms = kls.length === 0 ? "" : ` The arms have ${nats(Math.min(...kls))} to ${nats(Math.max(...kls))}.`
  return `Trained on all tokens for ${long.steps} steps, a draft of this size has ${nats(value)} nats of KL${range}${before}.${arms}`
}

const limits = ({ conditions: c, target, draftParameters }: RunRecord): string =>
  `All this is for a target of ${short(target.parameters)} parameters, a draft of ${short(draftParameters)}, ${c.dataset}, greedy decoding, gamma = ${c.gamma}, ` +
  "and the budgets in the table, and for this one target. Of other targets, sizes, tasks and budgets it says nothing."

/**
 * The conclusions of a run, a sentence or a few each: the verdict, the arm that the run is about against each other
 * one, each against the baseline, and the scope.
 */
export const conclusions = (run: RunRecord): ReadonlyArray<string> => {
  const arms = armsRun(run)
  const all = inOrder(arms)
  return [
    verdict(run),
    ...ofSign(all, arms, "acceptance", "prompt"),
    ...all.map((compared) => comparison(compared, arms)),
    ...together(all, arms),
    ofCapacity(run),
    ofSweep(run),
    ...ofBaseline(run.config, run),
    ...ofSeeds(run),
    ...ofMissing(run),
    limits(run),
  ]
}
