/**
 * The chunks of the laws of losses: sizes 1 to 31, plain, extreme and zero-probability logits, from a fixed seed.
 *
 * Letters: R rows of a chunk, V vocabulary.
 */
import { extremeLogits, type LossCase, logitsWithZeros, randomLogits } from "@winnow/core"
import { seeded } from "@winnow/numerics"

const sizes: ReadonlyArray<readonly [R: number, V: number]> = [
  [1, 1],
  [1, 2],
  [4, 2],
  [1, 31],
  [5, 31],
]

/** Every size with every kind of logits; cases with V = 1 are the same for every kind. */
export const lossCases = (seed = 1): ReadonlyArray<LossCase> =>
  Object.entries({
    plain: (R: number, V: number, side: string) => randomLogits(R, V, 1, seeded(seed, side, "plain", R, V)),
    sharp: (R: number, V: number, side: string) => randomLogits(R, V, 5, seeded(seed, side, "sharp", R, V)),
    extreme: (R: number, V: number, side: string) => extremeLogits(R, V, seeded(seed, side, "extreme", R, V)),
    zeros: (R: number, V: number, side: string) => logitsWithZeros(R, V, seeded(seed, side, "zeros", R, V)),
  }).flatMap(([kind, make]) =>
    sizes.map(([R, V]) => {
      const rng = seeded(seed, "rows", kind, R, V)
      return {
        name: `${kind} logits, R = ${R}, V = ${V}`,
        R,
        V,
        draft_RV: make(R, V, "draft"),
        target_RV: make(R, V, "target"),
        gold_R: Int32Array.from({ length: R }, () => rng.below(V)),
        uniform_R: Float32Array.from({ length: R }, () => rng.uniform()),
        // a schedule is on its way
        step: 3,
        steps: 5,
      }
    }),
  )
