/** The table of differences over several runs: means with intervals of which the targets are a random effect. */
import { overRuns } from "@winnow/numerics"
import { type ArmsRun, armsOf, comparedArms, isCompared, mainArm, standingOver } from "../record/comparisons.ts"
import { marginText } from "../record/sentences.ts"
import { canonicalJson } from "../store/key.ts"
import { column, type StudyTable } from "../study/table.ts"

/** The parts of a run that the table reads. */
export interface PooledRun {
  readonly arms: ArmsRun
  readonly config: Readonly<Record<string, unknown>>
}

/** Fewer runs than these give no interval: of two the ends are thirteen standard errors away. */
const leastRuns = 3

/** The number of prompts that all runs measure: those of one task and one measurement. Undefined for different ones. */
const sharedPrompts = (runs: ReadonlyArray<PooledRun>): number | undefined => {
  const measured = runs.map(({ arms, config }) => canonicalJson([config["task"], config["measure"], arms.prompts]))
  return new Set(measured).size === 1 ? runs[0]!.arms.prompts : undefined
}

/** The top settings in which runs differ, their names aside: "target" alone says that the runs differ in their target. */
const differing = (runs: ReadonlyArray<PooledRun>): ReadonlyArray<string> =>
  [...new Set(runs.flatMap(({ config }) => Object.keys(config)))].filter(
    (key) => key !== "name" && new Set(runs.map(({ config }) => canonicalJson(config[key] ?? null))).size > 1,
  )

/** The difference of two arms in each measure that three runs or more conclude on; of a run's main arm and each other. */
const pairsOf = (run: PooledRun) => {
  const { arms } = run
  const main = mainArm(arms)
  if (main === undefined) return []
  return armsOf(arms).flatMap((under) => {
    const compared = under === main ? undefined : comparedArms(arms, main, under)
    if (compared === undefined) return []
    return [compared.difference, ...compared.others].flatMap((difference) =>
      difference.errors !== null && difference.value !== null && isCompared(difference)
        ? [{ run, pair: `${main.name} minus ${under.name}`, measure: difference.of, difference }]
        : [],
    )
  })
}

/** The table, undefined if no pair of arms is in three runs. */
export const overRunsTable = (runs: ReadonlyArray<PooledRun>): StudyTable | undefined => {
  const groups = [
    ...Map.groupBy(runs.flatMap(pairsOf), ({ pair, measure }) => canonicalJson([pair, measure.key])).values(),
  ].filter((of) => of.length >= leastRuns)
  if (groups.length === 0) return undefined
  const settings = differing(runs)
  const over = settings.length === 1 && settings[0] === "target" ? "targets" : "runs"
  const shared = sharedPrompts(runs)
  return {
    name: "over-runs",
    title: `Differences over ${runs.length} ${over}`,
    of: "difference",
    notes: [
      `Each of the ${over} counts the same. The 95 % interval is over ${over}: their spread has the seeds' error in it${
        shared === undefined ? " and the prompts'." : `; the error of the ${shared} prompts, which all share, is added.`
      } "Between" is the standard deviation of the true differences, after the runs' own errors.`,
      `No interval is narrower than that for these very ${over}, from the errors of their seeds: few ${over} may lie close together by luck.`,
      `Ahead and behind: the interval is without 0. Level: within ${marginText}, by two one-sided tests at 5 % each.`,
    ],
    columns: [
      column("measure", "measure", { kind: "text" }),
      column("mean", "mean [95 %]", { kind: "figure", style: "plain", name: "mean difference" }),
      column("found", "found", { kind: "text" }),
      column("between", "between", { kind: "cost", style: "plain", name: "standard deviation between runs" }),
      column("lowest", "lowest", { kind: "cost", style: "plain", name: "lowest difference of a run" }),
      column("highest", "highest", { kind: "cost", style: "plain", name: "highest difference of a run" }),
      column("runs", over, { kind: "cost", style: "whole", name: `number of ${over}` }),
    ],
    rows: groups.map((of) => {
      const { pair, measure } = of[0]!
      const scale = measure.unit === "%" ? 100 : 1
      const all = of.map(({ difference: { value, errors, seeds } }) => {
        return { value: value!, errors: errors!, seeds: seeds.length }
      })
      const prompts = sharedPrompts(of.map(({ run }) => run))
      const found = overRuns(all, prompts)
      const standing = standingOver(measure, found, overRuns(all, prompts, 0.9))
      const values = of.map(({ difference }) => difference.value!)
      const cost = (value: number) => ({ value: scale * value })
      return {
        name: `${pair}, ${measure.short}`,
        context: false,
        cells: {
          measure: measure.unit === "%" ? "points" : measure.unit,
          mean: { value: scale * found.value, low: scale * found.low, high: scale * found.high },
          found: standing === "open" ? "-" : standing,
          between: cost(found.between),
          lowest: cost(Math.min(...values)),
          highest: cost(Math.max(...values)),
          runs: { value: found.runs },
        },
      }
    }),
  }
}
