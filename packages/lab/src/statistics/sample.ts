/**
 * A figure over seeds and prompts, as far as an interval or a paired difference needs it.
 *
 * Letters: S seeds, P prompts, R rounds.
 */
import { type Cell, type Influence, medianInfluence, ownRatios, ratioInfluence } from "@winnow/numerics"

export type { Cell }

/** Cells of one seed, one a prompt. */
export type Cells_P = ReadonlyArray<Cell>

/** A figure: of which seeds and how many prompts it is, and what any of these seeds together make of it. */
export interface Sample {
  readonly prompts: number
  readonly seeds: ReadonlyArray<number>
  readonly of: (seeds: ReadonlyArray<number>) => Influence
}

/** @error RangeError when the seeds have different numbers of prompts, or there is no seed */
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

/** The pooled ratio: all numerators over all denominators, so that each token weighs the same. */
export const pooled = (cells_SP: ReadonlyMap<number, Cells_P>): Sample =>
  sampleOf(cells_SP, (cells_P) => cells_P.length, ratioInfluence)

/** The mean of the prompts' own ratios: each prompt weighs the same. Prompts with an empty denominator are left out. */
export const perPrompt = (cells_SP: ReadonlyMap<number, Cells_P>): Sample =>
  pooled(new Map([...cells_SP].map(([seed, cells_P]) => [seed, ownRatios(cells_P)])))

/** @param ratios_SRP for each seed, by round and prompt */
export const medianOfRounds = (ratios_SRP: ReadonlyMap<number, ReadonlyArray<ReadonlyArray<number>>>): Sample =>
  sampleOf(ratios_SRP, (ratios_RP) => ratios_RP[0]!.length, medianInfluence)
