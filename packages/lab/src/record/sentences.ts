/** Sentences of conclusions that are the same of every run that compares arms: no sentence says more than its interval. */
import { twoSeeds } from "../statistics/interval-text.ts"
import { nats as inNats, percent, type Scale, signed, written } from "../table/format.ts"
import {
  type ArmRow,
  type ArmsRun,
  armsOf,
  atLevel,
  type Compared,
  type ConcludedDifference,
  comparedArms,
  comparisonsOf,
  countOf,
  flopsApart,
  isCompared,
  isLevel,
  isShown,
  levelMargin,
  mainArm,
  meanTotal,
  standingOf,
  withStarts,
} from "./comparisons.ts"
import type { RunRecord } from "./schema.ts"

const times = (ratio: number): string => (ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(ratio >= 2 ? 1 : 2))
/** "3 seeds". */
export const count = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`
export const listed = (names: ReadonlyArray<string>): string =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`

/** Costs that differ by less are called equal: steps are whole, and an epoch's last batch is shorter. */
const sameCost = 0.03

/** The costs of two arms, beside each other. */
const costOf = ({
  over,
  under,
}: Compared): { readonly same: boolean; readonly ratio: number; readonly own?: number } => {
  const ratio = meanTotal(over, "flops") / meanTotal(under, "flops")
  const [a, b] = flopsApart(over, under)
  const own = b > 0 && Math.abs(Math.log(a / b / ratio)) > Math.log1p(sameCost) ? { own: a / b } : {}
  return { same: Math.abs(Math.log(own.own ?? ratio)) < Math.log1p(sameCost), ratio, ...own }
}

const costClause = (compared: Compared): string => {
  const { same, ratio, own } = costOf(compared)
  if (same) return "Both cost the same compute."
  const starts = withStarts([compared.over]) ? "starts, " : ""
  const apart = own === undefined ? "" : ` (${times(own)} times without the caches that both read)`
  return `Not at equal compute: ${compared.over.name} took ${times(ratio)} times the FLOPs of ${compared.under.name}, ${starts}references, caches and texts counted${apart}.`
}

/** The margin of level differences in words: "2 points". */
export const marginText = `${100 * levelMargin} points`

/** The reading of a difference, from its interval alone. */
export const reading = (difference: ConcludedDifference, prompts: number): string => {
  const { value, errors, seeds } = difference
  if (value === null) return "not known"
  if (seeds.length === 2) return twoSeeds
  const standing = standingOf(difference, prompts)
  if (standing === undefined)
    return errors === null
      ? "no interval can be made"
      : "no spread under any seed or prompt, so no interval can be made"
  if (standing === "open") return "no difference is shown"
  if (standing === "level") return `no difference is shown, level within ${marginText}`
  return isLevel(difference, prompts) ? `${standing} by less than ${marginText}` : standing
}

/** The scale of a measure's differences, and the words between number and name. */
const writing = (unit: string): { readonly scale: Scale; readonly of: string } =>
  unit === "%" ? { scale: percent, of: "points of" } : { scale: inNats, of: unit === "" ? "in" : `${unit} of` }

/** "+2.4 points of greedy acceptance [1.4, 3.4], ahead". */
const clause = (difference: ConcludedDifference, prompts: number): string => {
  const { value, low, high, of } = difference
  if (value === null) return `${of.name} is not known`
  const { scale, of: words } = writing(of.unit)
  const ends = isCompared(difference) ? ` [${written(low!, scale)}, ${written(high!, scale)}]` : ""
  return `${signed(value, scale)} ${words} ${of.name}${ends}, ${reading(difference, prompts)}`
}

/** The number of a comparison's seeds; a single seed is named. */
const seedsOf = ({ seeds }: ConcludedDifference): string =>
  seeds.length === 1 ? `under seed ${seeds[0]} alone` : count(seeds.length, "seed")

/** Two arms: their difference in each measure, and what both cost. */
export const comparison = (compared: Compared, { prompts }: Pick<ArmsRun, "prompts">): string => {
  const { over, under, difference, others } = compared
  const clauses = [difference, ...others].map((each) => clause(each, prompts))
  return `${over.name} minus ${under.name}: ${clauses.join("; ")}; ${seedsOf(difference)}. ${costClause(compared)}`
}

/** The other arm of the verdict: the baseline, or where it is itself the arm that the run is about, the first other one. */
const otherArm = (run: ArmsRun): ArmRow | undefined => {
  const isMainBaseline = run.about === run.baseline
  return armsOf(run).find(({ name }) => (isMainBaseline ? name !== run.about : name === run.baseline))
}

/** The comparison of the verdict. */
export const verdictOf = (run: ArmsRun): Compared | undefined => {
  const [main, other] = [mainArm(run), otherArm(run)]
  return main && other && comparedArms(run, main, other)
}

/** The reason why a run has no comparison of the arm that it is about. */
const uncompared = (run: ArmsRun, main: ArmRow): string => {
  const other = otherArm(run)
  if (other === undefined)
    return armsOf(run).length === 1
      ? `${main.name} is the only arm with a figure`
      : `the baseline, ${run.baseline}, has no figure`
  const share = main.budget.some(({ seed }) => other.budget.some((of) => of.seed === seed))
  return share ? `${main.name} is not compared to ${other.name}` : `no seed has both ${main.name} and ${other.name}`
}

/** "250 steps (0.20 passes)", means over seeds; passes where they are known. */
const stepsOf = ({ budget }: ArmRow): string => {
  const mean = (of: ReadonlyArray<number>) => of.reduce((a, b) => a + b, 0) / of.length
  const passes = budget.flatMap(({ arm }) => arm.passes ?? [])
  const passText = passes.length === 0 ? "" : ` (${mean(passes).toFixed(2)} passes)`
  return `${Math.round(mean(budget.map(({ arm }) => arm.steps)))} steps${passText}`
}

/** The verdict on the arm that the run is about, in one line: against what, at which budget, over how many seeds. */
export const verdictOn = (run: ArmsRun): string => {
  if (run.about === null)
    return "No verdict: no arm of this run chooses tokens by what is known of them, and about in experiment.ts names none of them."
  const main = mainArm(run)
  if (main === undefined) return `No verdict: ${run.about}, which the run is about, has no figure.`
  const compared = verdictOf(run)
  if (compared === undefined) return `No verdict: ${uncompared(run, main)}.`
  const { over, under, difference } = compared
  const { same, ratio } = costOf(compared)
  const cost = same ? "equal compute" : `${times(ratio)} times the FLOPs`
  const budget = `${stepsOf(over)} at ${cost}`
  return `Verdict: ${over.name} minus ${under.name}, ${budget}: ${clause(difference, run.prompts)}; ${seedsOf(difference)}, ${run.scope}.`
}

/** The conclusions that remain when all intervals are widened so that they hold together (Bonferroni). */
export const together = (all: ReadonlyArray<Compared>, run: ArmsRun): ReadonlyArray<string> => {
  const m = countOf(all)
  if (m < 2) return []
  const level = 1 - 0.05 / m
  const each = all.flatMap(({ over, under, difference, others }) =>
    [difference, ...others].filter(isCompared).map((d) => ({ over, under, difference: d })),
  )
  const shown = each.filter(({ difference }) => isShown(difference))
  const lost = shown.filter(({ difference }) => {
    const wide = atLevel(difference, run.prompts, level)
    return wide !== undefined && !isShown(wide)
  })
  const pair = ({ over, under, difference }: (typeof each)[number]) =>
    `${over.name} minus ${under.name} (${difference.of.short})`
  const effect =
    shown.length === 0
      ? "no difference is shown in any case"
      : lost.length === 0
        ? `the ${count(shown.length, "difference")} shown above ${shown.length === 1 ? "stays" : "stay"}`
        : `${shown.length === 1 ? "the 1 difference" : `${lost.length} of the ${shown.length} differences`} shown above would no longer be: ${listed(lost.map(pair))}`
  return [
    `${m} comparisons are made here, of the ${run.differences.length} in run.json. Each interval holds 95 times in 100, all of them together less often: ` +
      `widened so that they do (Bonferroni, ${(100 * level).toFixed(2)} % each), ${effect}.`,
  ]
}

/** How far the seeds carry. */
export const ofSeeds = ({ seeds }: Pick<RunRecord, "seeds">): ReadonlyArray<string> => {
  const n = seeds.length
  if (n === 1) return ["With one seed nothing is said of other seeds: a difference may be the seed's alone."]
  if (n === 2) return ["With two seeds nothing is compared: how far seeds differ is not known. Take five or more."]
  if (n >= 5) return []
  return [
    `With ${n} seeds intervals are wide because so few hardly show how far seeds differ: take five or more for a claim, also where nothing is shown.`,
  ]
}

/** The drafts without figures. */
export const ofMissing = ({
  missing,
  rows,
  seeds,
  baseline,
}: Pick<ArmsRun, "rows" | "seeds" | "baseline"> & Pick<RunRecord, "missing">): ReadonlyArray<string> => {
  if (missing.length === 0) return []
  const lost = rows.some(({ name }) => name === baseline) ? "" : ` The baseline, ${baseline}, is missing whole.`
  return [
    `${count(missing.length, "draft")} of ${listed([...new Set(missing.map(({ name }) => name))])} under ${count(seeds.length, "seed")} ` +
      `${missing.length === 1 ? "is" : "are"} missing: comparisons use the seeds that both arms have.${lost}`,
  ]
}

/**
 * The sentence that explains the sign of all differences, their scope, and the one that the experiment names; none
 * without a comparison.
 *
 * @param of the figure that is subtracted: "acceptance"
 * @param texts the measured texts: "prompt"
 */
export const ofSign = (all: ReadonlyArray<Compared>, run: ArmsRun, of: string, texts: string): ReadonlyArray<string> =>
  all.length === 0
    ? []
    : [
        `Differences are the first arm's ${of} minus the second's, paired by seed and over the same ${count(run.prompts, texts)}, with 95 % intervals for ${run.scope}; ` +
          `${run.concluded[0]!.name} is the primary measure.${verdictOf(run) === undefined ? "" : " The verdict is of the comparison that the experiment names; all others are exploratory."}`,
        ...(all.some(({ difference, others }) => [difference, ...others].some((each) => isLevel(each, run.prompts)))
          ? [
              `Level means shown to be within ${marginText} of each other, by two one-sided tests at 5 % each; "no difference is shown" alone says nothing of the kind.`,
            ]
          : []),
      ]

/** All comparisons of a run, those of the arm that it is about first. */
export const inOrder = (run: ArmsRun): ReadonlyArray<Compared> => {
  const { withBaseline, ofMain } = comparisonsOf(run)
  const main = mainArm(run)
  const first = withBaseline.filter(({ over }) => over === main)
  return [...first, ...ofMain, ...withBaseline.filter((c) => !first.includes(c))]
}
