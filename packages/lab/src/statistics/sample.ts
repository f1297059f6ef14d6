/**
 * A figure over seeds and prompts, with the parts that intervals and paired differences need.
 *
 * Letters: S seeds, P prompts, R rounds.
 */
import { type Cell, type Influence, medianInfluence, ownRatios, ratioInfluence } from "@winnow/numerics"

export type { Cell }

/** Cells of one seed, one for each prompt. */
export type Cells_P = ReadonlyArray<Cell>

/** A figure: its seeds, its number of prompts, and its value over any of these seeds. */
export interface Sample {
  readonly prompts: number
  readonly seeds: ReadonlyArray<number>
  readonly of: (seeds: ReadonlyArray<number>) => Influence
}

/** @error RangeError if the seeds have different numbers of prompts, or there is no seed */
const sampleOf = <A>(
  data: ReadonlyMap<number, A>,
  lengthOf: (data: A) => number,
  influence: (data_S: ReadonlyArray<A>) => Influence,
): Sample => {
  const lengths = [...data.values()].map(lengthOf)
  if (new Set(lengths).size !== 1)
    throw new RangeError(
      `${lengths.length} seeds with ${lengths.join(", ")} prompts; expected a seed or more, all with the same prompts`,
    )
  const memo = new Map<string, Influence>()
  return {
    prompts: lengths[0]!,
    seeds: [...data.keys()],
    of: (seeds) => {
      const name = seeds.join()
      const result = memo.get(name) ?? influence(seeds.map((seed) => data.get(seed)!))
      memo.set(name, result)
      return result
    },
  }
}

/** The pooled ratio: all numerators over all denominators, so that each token has the same weight. */
export const pooled = (cells_SP: ReadonlyMap<number, Cells_P>): Sample =>
  sampleOf(cells_SP, (cells_P) => cells_P.length, ratioInfluence)

/**
 * The mean of the prompts' own ratios, so that each prompt has the same weight. Prompts with an empty denominator are
 * left out.
 */
export const perPrompt = (cells_SP: ReadonlyMap<number, Cells_P>): Sample =>
  pooled(new Map([...cells_SP].map(([seed, cells_P]) => [seed, ownRatios(cells_P)])))

/** @param ratios_SRP for each seed, by round and prompt */
export const medianOfRounds = (ratios_SRP: ReadonlyMap<number, ReadonlyArray<ReadonlyArray<number>>>): Sample =>
  sampleOf(ratios_SRP, (ratios_RP) => ratios_RP[0]!.length, medianInfluence)
