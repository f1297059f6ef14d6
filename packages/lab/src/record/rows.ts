/** The rows of a record and the differences between them, each figure with its interval. */
import { mbsu } from "@winnow/decoding"
import type { Figures } from "../stages/measure.ts"
import { difference, type Estimate, estimate } from "../statistics/interval.ts"
import type { Sample } from "../statistics/sample.ts"
import { agreementAt, type FiguresBySeed, type KeptTexts, keptShare, lengthOf, type RowSamples } from "./samples.ts"
import type { DifferenceMeasure, DifferenceRecord, IntervalRecord, RowRecord, SeedFigures } from "./schema.ts"

/** The range of a figure: an interval of few seeds may reach beyond. */
type Bounds = readonly [least: number, most: number]
const share: Bounds = [0, 1]
const positive: Bounds = [0, Number.POSITIVE_INFINITY]

const finite = (x: number): number | null => (Number.isFinite(x) ? x : null)

/** Without a bound: a difference is not cut. */
const anything: Bounds = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]

const record = ({ value, low, high, seeds, errors, cut, floor }: Estimate, [least, most]: Bounds): IntervalRecord => ({
  value: finite(value),
  low: finite(Math.max(least, low)),
  high: finite(Math.min(most, high)),
  seeds,
  errors: errors ?? null,
  cut,
  floor,
})

const unknown: IntervalRecord = {
  value: null,
  low: null,
  high: null,
  seeds: 0,
  errors: null,
  cut: false,
  floor: false,
}

const within = (sample: Sample | undefined, bounds: Bounds): IntervalRecord =>
  sample === undefined ? unknown : record(estimate(sample), bounds)

/** An interval of a figure that is a factor times another. */
const scaled = ({ value, low, high, errors, ...rest }: IntervalRecord, factor: number): IntervalRecord => {
  const times = (x: number | null) => (x === null ? null : x * factor)
  const timesAll = errors && {
    seeds: errors.seeds * factor,
    prompts: errors.prompts * factor,
    noise: errors.noise * factor,
  }
  return { value: times(value), low: times(low), high: times(high), ...rest, errors: timesAll }
}

/** The figures of one seed. */
export const seedFigures = (seed: number, figures: Figures, gamma: number): SeedFigures => {
  const at = lengthOf(figures, gamma)
  const { speedup, vocabulary } = figures
  const [kl, positions] = figures.kl.reduce(([sum, n], [s, m]) => [sum + s, n + m], [0, 0])
  return {
    seed,
    greedyAcceptance: at.greedy.acceptance?.pooled ?? null,
    sampledAcceptance: at.sampled.acceptance?.pooled ?? null,
    expectedAcceptance: at.sampled.expectedAcceptance?.pooled ?? null,
    draftKl: finite(kl / positions),
    byGamma: figures.lengths.map(({ gamma, greedy, sampled }) => ({
      gamma,
      greedyAcceptance: greedy.acceptance?.pooled ?? null,
      greedyTau: greedy.blockEfficiency?.pooled ?? null,
      sampledTau: sampled.blockEfficiency?.pooled ?? null,
      testedTokens: greedy.testedTokens,
    })),
    speedup: speedup?.speedup ?? null,
    ...(vocabulary && {
      vocabulary: {
        ids: vocabulary.ids,
        greedyOutside: vocabulary.greedy[0] / vocabulary.greedy[1],
        sampledOutside: vocabulary.sampled[0] / vocabulary.sampled[1],
      },
    }),
    timing: speedup && {
      prompts: speedup.prompts,
      load: speedup.load,
      speedupByRound: [...speedup.byRound],
      ratios: speedup.ratios.map((round) => [...round]),
      tokensPerSecond: speedup.tokensPerSecond,
      secondsPerCall: speedup.seconds,
      blockEfficiency: speedup.blockEfficiency,
      predicted: speedup.predicted,
      predictedFromVerify: speedup.predictedFromVerify,
      identical: speedup.identity?.identical ?? null,
      differences: speedup.identity?.differences.map(({ margin }) => ({ margin })) ?? null,
    },
  }
}

/** The figures of a row that follow from its measurements. */
export const rowFigures = (figures: FiguresBySeed, samples: RowSamples, gamma: number) => {
  const all = [...figures]
  const tau = within(samples.tau, [1, gamma + 1])
  const sampledTau = within(samples.sampledTau, [1, gamma + 1])
  const { parameterRatio } = all[0]![1]
  const ofTau = mbsu(1, gamma, parameterRatio)
  const tested = (place: number) =>
    all.reduce(
      (sum, [, f]) => sum + lengthOf(f, gamma).greedyCounts.reduce((n, { testedAt }) => n + (testedAt[place] ?? 0), 0),
      0,
    )
  return {
    seeds: all.map(([seed, f]) => seedFigures(seed, f, gamma)),
    greedyAcceptance: within(samples.greedyAcceptance, share),
    expectedAcceptance: within(samples.expectedAcceptance, share),
    tau,
    sampledTau,
    parameterRatio,
    mbsu: scaled(tau, ofTau),
    sampledMbsu: scaled(sampledTau, ofTau),
    draftKl: within(samples.draftKl, positive),
    speedup: within(samples.speedup, positive),
    perPrompt: {
      greedyAcceptance: within(samples.perPrompt.greedyAcceptance, share),
      tau: within(samples.perPrompt.tau, [1, gamma + 1]),
    },
    byPosition: samples.byPosition.map((sample, i) => ({
      position: i + 1,
      tested: tested(i),
      acceptance: within(sample, share),
    })),
  } satisfies Partial<RowRecord>
}

/**
 * Agreement at kept and at dropped tokens, the draft's and the baseline's at the same ones. Null without a division, or
 * if the filter keeps all tokens of the texts, or none.
 */
export const keptFigures = (
  kept: ReadonlyMap<number, KeptTexts>,
  figures: FiguresBySeed,
  baseline: FiguresBySeed,
): RowRecord["kept"] => {
  if (kept.size === 0) return null
  const kinds = new Set([...kept.values()].flatMap((texts) => texts.flatMap((text) => [...text])))
  if (kinds.size < 2) return null
  return {
    share: within(keptShare(kept), share),
    kept: within(agreementAt(figures, kept, "1"), share),
    dropped: within(agreementAt(figures, kept, "0"), share),
    baselineKept: within(agreementAt(baseline, kept, "1"), share),
    baselineDropped: within(agreementAt(baseline, kept, "0"), share),
  }
}

/**
 * a - b of all pairs, a before b, on the common seeds; pairs without one are left out.
 *
 * @param wanted only these pairs of names, in either order; all if left out
 */
export const pairedDifferences = <M extends string>(
  arms: ReadonlyArray<{ readonly name: string; readonly samples: { readonly [K in M]?: Sample | undefined } }>,
  measures: ReadonlyArray<M>,
  wanted?: ReadonlyArray<readonly [string, string]>,
) => {
  const pair = (a: string, b: string) => JSON.stringify([a, b])
  const asked = wanted && new Set(wanted.flatMap(([a, b]) => [pair(a, b), pair(b, a)]))
  const isWanted = ([a, b]: readonly [string, string]) => asked === undefined || asked.has(pair(a, b))
  return arms.flatMap((a, i) =>
    arms.slice(i + 1).flatMap((b) =>
      (isWanted([a.name, b.name]) ? measures : []).flatMap((measure) => {
        const [ofA, ofB] = [a.samples[measure], b.samples[measure]]
        const found = ofA && ofB && difference(ofA, ofB)
        if (found === undefined) return []
        const { seeds: _, ...interval } = record(found, anything)
        return [{ a: a.name, b: b.name, measure, seeds: [...found.pairedSeeds], ...interval }]
      }),
    ),
  )
}

const measures: ReadonlyArray<DifferenceMeasure> = ["greedyAcceptance", "expectedAcceptance", "tau", "draftKl"]

/** Arms that are compared each with each: a thousand would have half a million pairs, and a record of gigabytes. */
const mostPairwise = 50

/** The arms of a run that all others are compared with. */
export interface ComparedWith {
  readonly baseline: string
  readonly about: string | null
}

/** The pairs of a run's arms: undefined for all; of more than 50 arms each with the baseline and the arm in question. */
export const pairsOf = (
  names: ReadonlyArray<string>,
  { baseline, about }: ComparedWith,
): ReadonlyArray<readonly [string, string]> | undefined =>
  names.length <= mostPairwise
    ? undefined
    : names.flatMap((name) => [baseline, ...(about === null ? [] : [about])].map((other) => [name, other] as const))

/** The differences of these pairs of arms in the measures of a distillation. */
export const differencesOf = (
  arms: ReadonlyArray<{ readonly name: string; readonly samples: RowSamples }>,
  compared: ComparedWith,
): ReadonlyArray<DifferenceRecord> =>
  pairedDifferences(
    arms,
    measures,
    pairsOf(
      arms.map(({ name }) => name),
      compared,
    ),
  )
