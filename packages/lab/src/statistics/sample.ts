/**
 * A figure over seeds and prompts, in a form that can be resampled: a sum over seeds above a sum over seeds.
 *
 * Letters: S seeds, P prompts, R rounds.
 */
import { median } from "@winnow/numerics"

/** What a seed adds above and below the line when prompt p was drawn drawn_P[p] times. */
export type SeedSums = (drawn_P: ArrayLike<number>) => readonly [numerator: number, denominator: number]

/** A figure: the seeds' numerators together over their denominators together. */
export interface Sample {
  readonly prompts: number
  readonly seeds: ReadonlyMap<number, SeedSums>
}

/** A prompt's numerator and denominator under one seed, such as accepted and tested tokens. */
export type Cell = readonly [numerator: number, denominator: number]

/** Cells of one seed, one a prompt. */
export type Cells_P = ReadonlyArray<Cell>

const sums = (cells_P: Cells_P): SeedSums => {
  const numerator_P = Float64Array.from(cells_P, ([numerator]) => numerator)
  const denominator_P = Float64Array.from(cells_P, ([, denominator]) => denominator)
  return (drawn_P) => {
    let [numerator, denominator] = [0, 0]
    for (let p = 0; p < numerator_P.length; p++) {
      const times = drawn_P[p]!
      numerator += times * numerator_P[p]!
      denominator += times * denominator_P[p]!
    }
    return [numerator, denominator]
  }
}

/** @error RangeError when the seeds have different numbers of prompts, or there is no seed */
const sampleOf = (lengths: ReadonlyArray<number>, seeds: Sample["seeds"]): Sample => {
  if (new Set(lengths).size !== 1)
    throw new RangeError(
      `${lengths.length} seeds with ${lengths.join(", ")} prompts; expected a seed or more, all with the same prompts`,
    )
  return { prompts: lengths[0]!, seeds }
}

/** The pooled ratio: all numerators over all denominators, so that each token weighs the same. */
export const pooled = (cells_SP: ReadonlyMap<number, Cells_P>): Sample =>
  sampleOf(
    [...cells_SP.values()].map((cells_P) => cells_P.length),
    new Map([...cells_SP].map(([seed, cells_P]) => [seed, sums(cells_P)])),
  )

/** The mean of the prompts' own ratios: each prompt weighs the same. Those with an empty denominator are left out. */
export const perPrompt = (cells_SP: ReadonlyMap<number, Cells_P>): Sample =>
  pooled(
    new Map(
      [...cells_SP].map(([seed, cells_P]) => [
        seed,
        cells_P.map(([numerator, denominator]): Cell => (denominator > 0 ? [numerator / denominator, 1] : [0, 0])),
      ]),
    ),
  )

/**
 * The median over rounds of the median over prompts, its mean over seeds: speed-ups, of which a few are far out.
 *
 * @param ratios_SRP for each seed, by round and prompt
 */
export const medianOfRounds = (ratios_SRP: ReadonlyMap<number, ReadonlyArray<ReadonlyArray<number>>>): Sample =>
  sampleOf(
    [...ratios_SRP.values()].map((rounds) => rounds[0]!.length),
    new Map(
      [...ratios_SRP].map(([seed, ratios_RP]) => [
        seed,
        (drawn_P) => {
          const ofRound = (ratios_P: ReadonlyArray<number>) =>
            median(ratios_P.flatMap((ratio, p) => Array<number>(drawn_P[p]!).fill(ratio)))
          return [median(ratios_RP.map(ofRound)), 1]
        },
      ]),
    ),
  )

/** The same figure of some of its seeds, in the order given. */
export const ofSeeds = (sample: Sample, seeds: ReadonlyArray<number>): Sample =>
  seeds.length === sample.seeds.size && [...sample.seeds.keys()].every((seed, i) => seed === seeds[i])
    ? sample
    : { prompts: sample.prompts, seeds: new Map(seeds.map((seed) => [seed, sample.seeds.get(seed)!])) }
