/**
 * Figures from cells of seeds and prompts: the value, and the influence of each cell.
 *
 * Letters: S seeds, P prompts.
 */
import { median } from "./summary.ts"

/** The counts of a prompt under one seed: numerator and denominator, such as accepted and tested tokens. */
export type Cell = readonly [numerator: number, denominator: number]

/** A figure's value, and the influence of each cell on it: the mean of all z is about 0. */
export interface Influence {
  readonly value: number
  readonly z_SP: ReadonlyArray<Float64Array>
}

/**
 * The ratio of sums R = sum N / sum D over all cells, and its linearisation z_sp = (N_sp - R D_sp) / mean D.
 *
 * The value is NaN where all denominators are 0.
 * @source Cochran 1977, Sampling Techniques, section 2.11: the standard error of a ratio
 */
export const ratioInfluence = (cells_SP: ReadonlyArray<ReadonlyArray<Cell>>): Influence => {
  let [numerators, denominators, cells] = [0, 0, 0]
  for (const cells_P of cells_SP)
    for (const [numerator, denominator] of cells_P) {
      numerators += numerator
      denominators += denominator
      cells++
    }
  const value = numerators / denominators
  const z_SP = cells_SP.map((cells_P) =>
    Float64Array.from(
      cells_P,
      ([numerator, denominator]) => ((numerator - value * denominator) * cells) / denominators,
    ),
  )
  return { value, z_SP }
}

/** Cells with each prompt's own ratio: their pooled ratio is the mean of the prompts' ratios. */
export const ownRatios = (cells_P: ReadonlyArray<Cell>): ReadonlyArray<Cell> =>
  cells_P.map(([numerator, denominator]): Cell => (denominator > 0 ? [numerator / denominator, 1] : [0, 0]))

/** Standard normal 97.5 % point. */
const z975 = 1.959963984540054

/**
 * Standard error of a median, from the distance of two order statistics that enclose it about 95 times in 100; for 2
 * values half of their distance. It needs neither an estimate of density nor random draws.
 *
 * @source McKean and Schrader 1984, A comparison of methods for studentizing the sample median
 */
export const medianError = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const n = sorted.length
  const c = Math.max(1, Math.round((n + 1) / 2 - z975 * Math.sqrt(n / 4)))
  return (sorted[n - c]! - sorted[c - 1]!) / (2 * z975)
}

/**
 * The median over rounds of each round's median over prompts, averaged over seeds: for speed-ups, which have outliers.
 *
 * A prompt counts by its median over rounds: it moves the seed's median up or down by the step that gives
 * `medianError`.
 *
 * @param ratios_SRP [seed][round][prompt]
 */
export const medianInfluence = (ratios_SRP: ReadonlyArray<ReadonlyArray<ReadonlyArray<number>>>): Influence => {
  const values_S = ratios_SRP.map((ratios_RP) => median(ratios_RP.map((ratios_P) => median(ratios_P))))
  const value = values_S.reduce((a, b) => a + b, 0) / values_S.length
  const z_SP = ratios_SRP.map((ratios_RP, s) => {
    const own_P = ratios_RP[0]!.map((_, p) => median(ratios_RP.map((ratios_P) => ratios_P[p]!)))
    const P = own_P.length
    const middle = median(own_P)
    const sides_P = own_P.map((x) => Math.sign(x - middle))
    const centre = sides_P.reduce((a, b) => a + b, 0) / P
    const around = sides_P.reduce((sum, side) => sum + (side - centre) ** 2, 0)
    // The scale makes the spread over prompts of one seed equal to the error of its median.
    const scale = around === 0 ? 0 : medianError(own_P) * Math.sqrt((P * (P - 1)) / around)
    return Float64Array.from(sides_P, (side) => values_S[s]! - value + scale * (side - centre))
  })
  return { value, z_SP }
}
