/** The sentence about the search for settings: its domains, method, costs, edges and noise. */
import { describeDomain } from "../experiment/domain.ts"
import { expectedLargest } from "../search/chance.ts"
import { comparable, levelWithBest } from "../search/choose.ts"
import { short } from "../table/format.ts"
import type { RunRecord, SweepRecord } from "./schema.ts"
import { count, listed } from "./sentences.ts"

const rate = "optimizer.learningRate"

const measuredBy: ReadonlyMap<string, string> = new Map([
  ["greedyAcceptance", "greedy acceptance"],
  ["expectedAcceptance", "expected acceptance"],
  ["loss", "the loss of the answers"],
])

/** How settings were chosen. */
export const ofSweep = ({ sweep }: Pick<RunRecord, "sweep">): string => {
  const untuned =
    "Learning rates were set, not tuned for each arm: an arm that its rate suits less may be behind for that alone."
  if (sweep === null) return untuned
  const { over, by, dataset, prompts, seed, seeds = [seed], flops, arms, trials } = sweep
  const paths = Object.keys(over)
  const ofRates = paths.length === 1 && paths[0] === rate
  const from = ofRates
    ? `Learning rates were chosen from ${describeDomain(over[rate]!)}`
    : `Settings were chosen from ${listed(paths.map((path) => `${path} at ${describeDomain(over[path]!)}`))}`
  // Seconds differ at each run, so they are in the table alone.
  const spent = `${trials === undefined ? "" : `${count(trials, "training")} and `}about ${short(flops)} FLOPs`
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
    `(${count(prompts, "prompt")}, ${seeds.length === 1 ? "seed" : "seeds"} ${seeds.join(", ")}): a search ${size}${methodOf(sweep)}, ${spent} that are in no arm's cost.${beyond}${ofNoise(arms)}${ofChance(arms)}` +
    (paths.includes(rate) ? "" : ` ${untuned}`)
  )
}

/** Why an arm is the baseline, where the experiment names several: the best by the search. */
export const ofBaseline = (
  config: Readonly<Record<string, unknown>>,
  { baseline, sweep }: Pick<RunRecord, "baseline" | "sweep">,
): ReadonlyArray<string> => {
  const { against } = config
  if (!Array.isArray(against) || against.length < 2 || sweep === null) return []
  return [
    `The baseline is ${baseline}: of ${listed(against.map(String))} its best point of the search had the ${sweep.better === "higher" ? "highest" : "lowest"} score.`,
  ]
}

/** The method and the budget of a search in words; empty for a grid. */
const methodOf = ({ method, budget }: SweepRecord): string => {
  if (method === undefined) return ""
  const drawn = `${count(method.draws, "draw")} of generator seed ${method.seed}`
  const how =
    method.kind === "random"
      ? drawn
      : `successive halving of ${drawn}, one point of ${method.factor} going on with ${method.factor} times the steps`
  const most = [
    ...(budget?.trials === undefined ? [] : [count(budget.trials, "training")]),
    ...(budget?.flops === undefined ? [] : [`${short(budget.flops)} FLOPs`]),
    ...(budget?.seconds === undefined ? [] : [`${budget.seconds} seconds`]),
  ]
  return ` (${how}${most.length > 0 ? `, each within ${listed(most)}` : ""})`
}

/**
 * The gain of the best of several points by chance alone; empty of records without the costs of a search, which are of
 * earlier versions.
 */
const ofChance = (arms: SweepRecord["arms"]): string => {
  const searched = arms.filter(({ tried, cost }) => tried.length > 0 && cost !== undefined)
  if (searched.length === 0) return ""
  const told = searched.flatMap(({ name, tried, noise }) => {
    const compared = comparable(tried).length
    // The noise of a difference is that of two points.
    return noise == null || compared < 2
      ? []
      : [`${short((expectedLargest(compared) * noise) / Math.SQRT2)} for ${name} (of ${compared})`]
  })
  if (told.length === 0 && searched.some(({ noise }) => noise != null)) return ""
  if (told.length === 0)
    return " One seed a point does not tell how far chance decides: the best of several points is ahead by luck too, so its score on the validation split is no estimate of its worth."
  return ` If all points were equal, the best of them would still be ahead of their mean by ${listed(told)}: the score of the chosen point is too good by up to that.`
}

/** The noise of a search under several seeds; empty for one seed, which tells none. */
const ofNoise = (arms: SweepRecord["arms"]): string => {
  const told = arms.filter(({ noise }) => noise !== undefined && noise !== null)
  if (told.length === 0) return ""
  const level = told.filter((arm) => levelWithBest(arm) > 0)
  const between = "Two points of a search differ by chance with a standard error of"
  const [least, most] = [Math.min(...told.map(({ noise }) => noise!)), Math.max(...told.map(({ noise }) => noise!))]
  const size = least === most ? short(least) : `${short(least)} to ${short(most)}`
  const named = level.map((arm) => `${arm.name} (${levelWithBest(arm)} of ${comparable(arm.tried).length - 1})`)
  return level.length === 0
    ? ` ${between} ${size}, and every best point is ahead of the others by more than two of it.`
    : ` ${between} ${size}: other points are within two of it from the best of ${listed(named)}.`
}
