/** The conclusions from a run's figures, in words: no sentence says more than its interval. */
import { twoSeeds } from "../statistics/interval-text.ts"
import { nats as inNats, percent, short, written } from "../table/format.ts"
import {
  armsOf,
  atLevel,
  type Compared,
  comparedArms,
  comparisonsOf,
  concludedMeasures,
  countOf,
  flopsApart,
  isCompared,
  isShown,
  mainArm,
  meanTotal,
} from "./comparisons.ts"
import type { DifferenceMeasure, DifferenceRecord, RowRecord, RunRecord } from "./schema.ts"

const points = (x: number): string => written(x, percent)
const signed = (x: number): string => (Number(points(x)) > 0 ? `+${points(x)}` : points(x))
const nats = (x: number): string => written(x, inNats)
const times = (ratio: number): string => (ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(ratio >= 2 ? 1 : 2))
const count = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`
const listed = (names: ReadonlyArray<string>): string =>
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
  const apart = own === undefined ? "" : ` (${times(own)} times without the caches that both read)`
  return `Not at equal compute: ${compared.over.name} took ${times(ratio)} times the FLOPs of ${compared.under.name}, references and caches counted${apart}.`
}

const nameOf: Readonly<Record<DifferenceMeasure, string>> = {
  greedyAcceptance: "greedy acceptance",
  expectedAcceptance: "expected acceptance",
  tau: "tau",
  draftKl: "draft KL",
}

/** The reading of a difference, from its interval alone. */
const reading = (difference: DifferenceRecord): string => {
  const { value, errors, seeds } = difference
  if (value === null) return "not known"
  if (seeds.length === 2) return twoSeeds
  if (!isCompared(difference))
    return errors === null
      ? "no interval can be made"
      : "no spread under any seed or prompt, so no interval can be made"
  if (!isShown(difference)) return "no difference is shown"
  return value > 0 ? "ahead" : "behind"
}

/** "+2.4 points of greedy acceptance [1.4, 3.4], ahead". */
const clause = (difference: DifferenceRecord): string => {
  const { measure, value, low, high } = difference
  const name = nameOf[measure]
  if (value === null) return `${name} is not known`
  const ends = isCompared(difference) ? ` [${points(low!)}, ${points(high!)}]` : ""
  return `${signed(value)} points of ${name}${ends}, ${reading(difference)}`
}

/** The number of a comparison's seeds; a single seed is named. */
const seedsOf = ({ seeds }: DifferenceRecord): string =>
  seeds.length === 1 ? `under seed ${seeds[0]} alone` : count(seeds.length, "seed")

const comparison = (compared: Compared): string => {
  const { over, under, difference, other } = compared
  return `${over.name} minus ${under.name}: ${clause(difference)}; ${clause(other)}; ${seedsOf(difference)}. ${costClause(compared)}`
}

/** The comparison of the verdict: to the baseline, or where it is itself the arm, to the first other one. */
const verdictOf = (run: RunRecord): Compared | undefined => {
  const main = mainArm(run)
  const arms = armsOf(run)
  const under =
    main?.name === run.baseline ? arms.find((arm) => arm !== main) : arms.find(({ name }) => name === run.baseline)
  return main && under && comparedArms(run, main, under)
}

/** "250 steps (0.20 passes)", means over seeds; passes where they are known. */
const stepsOf = ({ budget }: RowRecord): string => {
  const mean = (of: ReadonlyArray<number>) => of.reduce((a, b) => a + b, 0) / of.length
  const passes = budget.flatMap(({ arm }) => arm.passes ?? [])
  const passText = passes.length === 0 ? "" : ` (${mean(passes).toFixed(2)} passes)`
  return `${Math.round(mean(budget.map(({ arm }) => arm.steps)))} steps${passText}`
}

/** The verdict on the arm that the run is about, in one line: against what, at which budget, over how many seeds. */
export const verdict = (run: RunRecord): string => {
  if (run.about === null)
    return "No verdict: no arm of this run chooses tokens by what is known of them, and about in experiment.ts names none of them."
  if (mainArm(run) === undefined) return `No verdict: ${run.about}, which the run is about, has no figure.`
  const compared = verdictOf(run)
  if (compared === undefined) return `No verdict: there is no arm to compare ${run.about} to under one seed.`
  const { over, under, difference } = compared
  const { same, ratio } = costOf(compared)
  const cost = same ? "equal compute" : `${times(ratio)} times the FLOPs`
  const budget = `${stepsOf(over)} at ${cost}`
  return `Verdict: ${over.name} minus ${under.name}, ${budget}: ${clause(difference)}; ${seedsOf(difference)}, this target.`
}

/** The conclusions that remain when all intervals are widened so that they hold together (Bonferroni). */
const together = (all: ReadonlyArray<Compared>, run: RunRecord): ReadonlyArray<string> => {
  const m = countOf(all)
  if (m < 2) return []
  const level = 1 - 0.05 / m
  const each = all.flatMap(({ over, under, difference, other }) =>
    [difference, other].filter(isCompared).map((d) => ({ over, under, difference: d })),
  )
  const shown = each.filter(({ difference }) => isShown(difference))
  const lost = shown.filter(({ difference }) => {
    const wide = atLevel(difference, run.conditions.prompts, level)
    return wide !== undefined && !isShown(wide)
  })
  const pair = ({ over, under, difference }: (typeof each)[number]) =>
    `${over.name} minus ${under.name} (${difference.measure === "expectedAcceptance" ? "expected" : "greedy"})`
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

const rate = "optimizer.learningRate"

const measuredBy: ReadonlyMap<string, string> = new Map([
  ["greedyAcceptance", "greedy acceptance"],
  ["expectedAcceptance", "expected acceptance"],
  ["loss", "the loss of the answers"],
])

/** Values as they are written in a sentence. */
const valuesOf = (values: ReadonlyArray<unknown>): string =>
  values
    .toSorted((a, b) => (typeof a === "number" && typeof b === "number" ? a - b : 0))
    .map((value) => (typeof value === "string" ? value : JSON.stringify(value)))
    .join(", ")

const ofSweep = ({ sweep }: RunRecord): string => {
  const untuned =
    "Learning rates were set, not tuned for each arm: an arm that its rate suits less may be behind for that alone."
  if (sweep === null) return untuned
  const { over, by, dataset, prompts, seed, flops, arms } = sweep
  const paths = Object.keys(over)
  const ofRates = paths.length === 1 && paths[0] === rate
  const from = ofRates
    ? `Learning rates were chosen from ${valuesOf(over[rate]!)}`
    : `Settings were chosen from ${listed(paths.map((path) => `${path} at ${valuesOf(over[path]!)}`))}`
  const edge = arms.filter(({ edges }) => edges.length > 0)
  const named = ({ name, edges }: (typeof arms)[number]) => (ofRates ? name : `${name} (${edges.join(", ")})`)
  const beyond =
    edge.length === 0
      ? ` No best ${ofRates ? "rate" : "setting"} is at an edge of the search.`
      : ` The best of ${listed(edge.map(named))} is at an edge of the search: a better one may lie beyond.`
  // Arms without one of the settings have fewer points.
  const size =
    new Set(arms.map(({ tried }) => tried.length)).size === 1
      ? "of equal size for all"
      : "of all settings that each has"
  return (
    `${from} for each arm and reference by ${measuredBy.get(by) ?? by} on ${dataset} ` +
    `(${count(prompts, "prompt")}, seed ${seed}): a search ${size}, about ${short(flops)} FLOPs that are in no arm's cost.${beyond}` +
    (paths.includes(rate) ? "" : ` ${untuned}`)
  )
}

const ofSeeds = ({ seeds }: RunRecord): ReadonlyArray<string> => {
  const n = seeds.length
  if (n === 1) return ["With one seed nothing is said of other seeds: a difference may be the seed's alone."]
  if (n === 2) return ["With two seeds nothing is compared: how far seeds differ is not known. Take five or more."]
  if (n >= 5) return []
  return [
    `With ${n} seeds intervals are wide because so few hardly show how far seeds differ: take five or more for a claim, also where nothing is shown.`,
  ]
}

const ofMissing = ({ missing, rows, seeds, baseline }: RunRecord): ReadonlyArray<string> => {
  if (missing.length === 0) return []
  const lost = rows.some(({ name }) => name === baseline) ? "" : ` The baseline, ${baseline}, is missing whole.`
  return [
    `${count(missing.length, "draft")} of ${listed([...new Set(missing.map(({ name }) => name))])} under ${count(seeds.length, "seed")} ` +
      `${missing.length === 1 ? "is" : "are"} missing: comparisons use the seeds that both arms have.${lost}`,
  ]
}

const limits = ({ conditions: c, target, draftParameters }: RunRecord): string =>
  `All this is for a target of ${short(target.parameters)} parameters, a draft of ${short(draftParameters)}, ${c.dataset}, greedy decoding, gamma = ${c.gamma}, ` +
  "and the budgets in the table, and for this one target. Of other targets, sizes, tasks and budgets it says nothing."

/** The sentence that explains the sign of all differences. */
const sign = (run: RunRecord, all: ReadonlyArray<Compared>): ReadonlyArray<string> =>
  all.length === 0
    ? []
    : [
        `Differences are the first arm's acceptance minus the second's, paired by seed and over the same ${count(run.conditions.prompts, "prompt")}, with 95 % intervals; ` +
          `${nameOf[concludedMeasures(run)[0]!]} is the primary measure.`,
      ]

/**
 * The conclusions of a run, a sentence or a few each: the verdict, the arm that the run is about against each other one, each
 * against the baseline, and how far that goes.
 */
export const conclusions = (run: RunRecord): ReadonlyArray<string> => {
  const { withBaseline, ofMain } = comparisonsOf(run)
  const main = mainArm(run)
  // The comparison of the main arm comes first.
  const first = withBaseline.filter(({ over }) => over === main)
  const all = [...first, ...ofMain, ...withBaseline.filter((c) => !first.includes(c))]
  return [
    verdict(run),
    ...sign(run, all),
    ...all.map(comparison),
    ...together(all, run),
    ofCapacity(run),
    ofSweep(run),
    ...ofSeeds(run),
    ...ofMissing(run),
    limits(run),
  ]
}
