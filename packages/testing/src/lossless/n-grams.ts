/**
 * Tests that sampled texts have the known joint distribution: chi-square over whole texts.
 *
 * A test on joint n-grams detects faults that a test on single tokens misses: a wrong dependence between tokens of a
 * block, or between one block and the one before it.
 */
import { chanceOf } from "@winnow/decoding"
import { seeded } from "@winnow/numerics"
import type { Flaw } from "./flaws.ts"
import { type Decoded, decodeText, targetTexts } from "./texts.ts"

/** The chance that one test of a correct sampler fails: the suite has some 40, so one in 2500 choices of seeds fails. */
export const FALSE_ALARM = 1e-5
/** Upper quantile of the standard normal distribution at that level. */
const Z = 4.265

/**
 * Upper quantile of chi-square by Wilson and Hilferty's approximation: from 5 degrees on never too low, and at most 3 %
 * too high.
 */
const critical = (degrees: number): number => degrees * (1 - 2 / (9 * degrees) + Z * Math.sqrt(2 / (9 * degrees))) ** 3

/**
 * Chi-square over its critical value at `FALSE_ALARM`: a value above 1 rejects the distribution. Texts with an expected
 * count below 10 form one cell; the result is infinite after an impossible text.
 *
 * @error Error for fewer than 5 degrees of freedom: too few texts for a test
 */
export const chiSquareExcess = (
  observed: ReadonlyMap<string, number>,
  probability: ReadonlyMap<string, number>,
): number => {
  const samples = observed.values().reduce((a, b) => a + b, 0)
  for (const text of observed.keys()) if (!probability.has(text)) return Number.POSITIVE_INFINITY
  let [statistic, cells, rareObserved, rareExpected] = [0, 0, 0, 0]
  for (const [text, p] of probability) {
    const [seen, expected] = [observed.get(text) ?? 0, samples * p]
    if (expected < 10) {
      rareObserved += seen
      rareExpected += expected
      continue
    }
    statistic += (seen - expected) ** 2 / expected
    cells++
  }
  if (rareExpected >= 10) {
    statistic += (rareObserved - rareExpected) ** 2 / rareExpected
    cells++
  }
  if (cells < 6) throw new Error(`${cells} cells of 10 expected texts or more, expected 6: sample more texts`)
  return statistic / critical(cells - 1)
}

/**
 * Decodes `samples` texts, text i by the stream of seed and i, and compares them with the target's own distribution.
 */
export const nGramExcess = (decoded: Decoded, samples: number, seed: number, flaw?: Flaw): number => {
  const observed = new Map<string, number>()
  for (let i = 0; i < samples; i++) {
    const fresh = chanceOf(seeded(seed, "n-grams", i))
    const chance = flaw?.chance?.(fresh, seeded(seed, "flaw", i)) ?? fresh
    const { rollout } = decodeText(decoded, { chance, ...(flaw?.verify && { verify: flaw.verify }) })
    const text = rollout.tokens.join()
    observed.set(text, (observed.get(text) ?? 0) + 1)
  }
  return chiSquareExcess(
    observed,
    new Map(targetTexts(decoded).map(({ tokens, probability }) => [tokens.join(), probability])),
  )
}
