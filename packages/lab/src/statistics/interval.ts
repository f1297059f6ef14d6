/** Intervals of a run's figures and of paired differences, in the closed form of `crossed.ts` in numerics. */
import { type Estimate, estimateOf } from "@winnow/numerics"
import type { Sample } from "./sample.ts"

export type { Estimate }

/** A figure with its interval over all its seeds. */
export const estimate = (sample: Sample): Estimate => estimateOf(sample.of(sample.seeds))

/**
 * a - b with its interval, paired: on the seeds that both have, with the same prompts. Undefined without a common seed.
 *
 * @error RangeError if the numbers of prompts differ
 */
export const difference = (
  a: Sample,
  b: Sample,
): (Estimate & { readonly pairedSeeds: ReadonlyArray<number> }) | undefined => {
  const pairedSeeds = a.seeds.filter((seed) => b.seeds.includes(seed))
  if (pairedSeeds.length === 0) return undefined
  if (a.prompts !== b.prompts)
    throw new RangeError(`paired difference of ${a.prompts} prompts and ${b.prompts}; expected the same prompts`)
  const [over, under] = [a.of(pairedSeeds), b.of(pairedSeeds)]
  const z_SP = over.z_SP.map((z_P, s) => z_P.map((z, p) => z - under.z_SP[s]![p]!))
  return { ...estimateOf({ value: over.value - under.value, z_SP }), pairedSeeds }
}
