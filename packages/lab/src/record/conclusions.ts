/** What follows from a run's figures, in words, and what does not. */
import { nats as inNats, percent, short, written } from "../table/format.ts"
import {
  armsOf,
  atLevel,
  type Compared,
  comparisonsOf,
  flopsApart,
  isShown,
  mainArm,
  meanTotal,
} from "./comparisons.ts"
import type { RunRecord } from "./schema.ts"

const points = (x: number): string => written(x, percent)
const nats = (x: number): string => written(x, inNats)
const times = (ratio: number): string => (ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(ratio >= 2 ? 1 : 2))
const count = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`
const listed = (names: ReadonlyArray<string>): string =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`

/** Costs that differ by less are called equal: steps are whole, and an epoch's last batch is shorter. */
const sameCost = 0.03

const costClause = ({ over, under }: Compared): string => {
  const ratio = meanTotal(over, "flops") / meanTotal(under, "flops")
  const [a, b] = flopsApart(over, under)
  const apart = b > 0 && Math.abs(Math.log(a / b / ratio)) > Math.log1p(sameCost) ? a / b : undefined
  if (Math.abs(Math.log(apart ?? ratio)) < Math.log1p(sameCost)) return "Both cost the same compute."
  const own = apart === undefined ? "" : ` (${times(apart)} times without the caches that both read)`
  return `Not at equal compute: ${over.name} took ${times(ratio)} times the FLOPs of ${under.name}, references and caches counted${own}.`
}

const comparison = (compared: Compared, prompts: number): string => {
  const { over, under, difference } = compared
  const { value, low, high, seeds } = difference
  const basis = `${count(seeds.length, "seed")}, ${count(prompts, "prompt")}`
  if (value === null || low === null || high === null)
    return `${over.name} and ${under.name} cannot be compared: ${basis} give no interval.`
  if (low === high)
    return `${over.name} and ${under.name} differ by ${points(value)} points of greedy acceptance under every seed and prompt (${basis}): without any spread there is no interval to conclude from.`
  const interval = `95 % interval ${points(low)} to ${points(high)}`
  if (!isShown(difference)) {
    const most = points(Math.max(-low, high))
    return (
      `No difference is shown between ${over.name} and ${under.name}: ${points(value)} points of greedy acceptance, ${interval} ` +
      `(${basis}), includes 0; more than ${most} points either way is unlikely. ${costClause(compared)}`
    )
  }
  const [size, from, to] = value > 0 ? [value, low, high] : [-value, -high, -low]
  return (
    `${over.name} is ${value > 0 ? "ahead of" : "behind"} ${under.name} by ${points(size)} points of greedy acceptance, ` +
    `95 % interval ${points(from)} to ${points(to)} (${basis}). ${costClause(compared)}`
  )
}

/** Several intervals together hold less often than each alone: what stays when they are widened so that all hold at once. */
const together = (all: ReadonlyArray<Compared>, run: RunRecord): ReadonlyArray<string> => {
  if (all.length < 2) return []
  const level = 1 - 0.05 / all.length
  const shown = all.filter(({ difference }) => isShown(difference))
  const lost = shown.filter(({ difference }) => {
    const wide = atLevel(difference, run.conditions.prompts, level)
    return wide !== undefined && !isShown(wide)
  })
  const pair = ({ over, under }: Compared) => `${over.name} against ${under.name}`
  const effect =
    shown.length === 0
      ? "no difference is shown in any case"
      : lost.length === 0
        ? `the ${count(shown.length, "difference")} shown above ${shown.length === 1 ? "stays" : "stay"}`
        : `${lost.length} of the ${count(shown.length, "difference")} shown above would no longer be: ${listed(lost.map(pair))}`
  return [
    `${all.length} comparisons are made here, of the ${run.differences.length} in run.json. Each interval holds 95 times in 100, all of them together less often: ` +
      `widened so that they do (Bonferroni, ${(100 * level).toFixed(2)} % each), ${effect}.`,
  ]
}

/** Below this the draft says what the target says, near enough. */
const noGap = 0.01

/** Shares of what the long run gained: less than the first from its half to its end is a plateau, less than the second above it is near. */
const [plateau, near] = [0.05, 0.1]

/** Whether there is anything for a choice of tokens to act on. */
const ofCapacity = (run: RunRecord): string => {
  const long = run.capacity?.points.at(-1)
  if (long === undefined || long.draftKl.value === null)
    return "The draft's capacity was not checked: how far a longer training on all tokens would come is not known."
  const half = run.capacity!.points.at(-2)?.draftKl.value ?? null
  const { value: floor, low, high } = long.draftKl
  const start = run.rows.find(({ role }) => role === "start")?.draftKl.value ?? half ?? floor
  const gained = start - floor
  const falls = half !== null && half - floor > plateau * gained
  const range = low === null || high === null ? "" : ` (95 % over prompts ${nats(low)} to ${nats(high)}, 1 seed)`
  const course =
    half === null
      ? ""
      : falls
        ? ` It still falls (${nats(half)} at half the steps): the floor is lower yet.`
        : ` At half the steps it was ${nats(half)}: this is about the floor.`
  const found = `Trained on all tokens for ${long.steps} steps, a draft of this size comes down to ${nats(floor)} nats of KL${range}.${course}`
  const kls = armsOf(run).flatMap(({ draftKl }) => draftKl.value ?? [])
  if (kls.length === 0) return found
  const [least, most] = [Math.min(...kls), Math.max(...kls)]
  const arms = `The arms are at ${nats(least)} to ${nats(most)}`
  if (floor < noGap)
    return `${found} ${arms}. It can match the target: its capacity limits nothing here, and arms differ by how fast they come there.`
  if (least - floor > near * gained)
    return `${found} ${arms}: all are above it, so they differ in what they learn in their budget, not in what a draft of this size can hold.`
  if (falls) return `${found} ${arms}.`
  return `${found} ${arms}: the best is near the floor, and little is left that a choice of tokens could gain at this size.`
}

const ofTuning = ({ tuning }: RunRecord): string => {
  if (tuning === null)
    return "Learning rates were set, not tuned for each arm: an arm that its rate suits less is behind for that alone."
  const rates = tuning.learningRates.join(", ")
  const edge = tuning.arms.filter(({ atEdge }) => atEdge).map(({ name }) => name)
  const beyond =
    edge.length === 0
      ? " No best rate is at an edge of the search."
      : ` The best of ${listed(edge)} is at an edge of the search: a better one may lie beyond.`
  return (
    `Learning rates were chosen from ${rates} for each arm and reference by greedy acceptance on ${tuning.dataset} ` +
    `(${count(tuning.prompts, "prompt")}, seed ${tuning.seed}): a search of equal size for all, about ${short(tuning.flops)} FLOPs that are in no arm's cost.${beyond}`
  )
}

const ofSeeds = ({ seeds }: RunRecord): ReadonlyArray<string> => {
  const n = seeds.length
  if (n === 1) return ["With one seed nothing is said of other seeds: a difference may be the seed's alone."]
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
  "and the budgets in the table. Of other sizes, tasks and budgets it says nothing."

/**
 * The conclusions of a run, a sentence or a few each: what each arm is against the baseline, what the main arm is against the
 * others, and how far that goes.
 */
export const conclusions = (run: RunRecord): ReadonlyArray<string> => {
  const { withBaseline, ofMain } = comparisonsOf(run)
  const main = mainArm(run)
  // The main arm's comparison is what the run was made for: it comes first.
  const first = withBaseline.filter(({ over }) => over === main)
  const all = [...first, ...ofMain, ...withBaseline.filter((c) => !first.includes(c))]
  return [
    ...all.map((compared) => comparison(compared, run.conditions.prompts)),
    ...together(all, run),
    ofCapacity(run),
    ofTuning(run),
    ...ofSeeds(run),
    ...ofMissing(run),
    limits(run),
  ]
}
