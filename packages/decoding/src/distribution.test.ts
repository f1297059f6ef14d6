/**
 * Sampled text has the target's distribution: chi-square of joint triples of tokens, with the generator that serves.
 *
 * Each test fails by chance once in 10 000 seeds; the seeds are fixed, so it fails always or never.
 */
import { describe, expect, test } from "bun:test"
import { seeded } from "@winnow/numerics"
import { pair } from "../test/table-model.ts"
import { type Chance, chanceOf } from "./block.ts"
import { adjusted, type Sampling } from "./sampling.ts"
import { SpeculativeSession } from "./speculative.ts"

/** Upper 1e-4 quantile of chi-square (Wilson and Hilferty's approximation, within 1 % from 3 degrees on). */
const critical = (degrees: number): number => {
  const z = 3.719
  return degrees * (1 - 2 / (9 * degrees) + z * Math.sqrt(2 / (9 * degrees))) ** 3
}

const V = 4
const TRIPLES = V ** 3

/** Chi-square of observed against expected counts, cells below 5 put together; infinite if the impossible was seen. */
const chiSquare = (observed: Float64Array, expected: Float64Array) => {
  let [statistic, cells, restObserved, restExpected] = [0, 0, 0, 0]
  for (const [i, e] of expected.entries()) {
    if (e === 0 && observed[i]! > 0) return { statistic: Number.POSITIVE_INFINITY, degrees: 1 }
    if (e < 5) {
      restObserved += observed[i]!
      restExpected += e
      continue
    }
    statistic += (observed[i]! - e) ** 2 / e
    cells++
  }
  if (restExpected > 0) {
    statistic += (restObserved - restExpected) ** 2 / restExpected
    cells++
  }
  return { statistic, degrees: cells - 1 }
}

const SAMPLES = 1500

/** The test statistic of `SAMPLES` texts of three tokens over its critical value: above 1 fails. */
const excess = (sampling: Sampling, draftLength: number, seed: number, chance: (index: number) => Chance): number => {
  const { target, draft, dispose } = pair(V, seed, 1, 0.15)
  const prompt = [1, 3]
  const observed = new Float64Array(TRIPLES)
  for (let index = 0; index < SAMPLES; index++) {
    const options = { ...sampling, draftLength, maxNew: 3 }
    const session = new SpeculativeSession(target, draft, prompt, options, undefined, chance(index))
    while (session.step());
    session.dispose()
    observed[session.rollout.tokens.reduce((code, token) => code * V + token, 0)]!++
  }
  const expected = Float64Array.from({ length: TRIPLES }, (_, code) => {
    const tokens = [Math.floor(code / V ** 2), Math.floor(code / V) % V, code % V]
    return tokens.reduce(
      (mass, token, i) => mass * adjusted(target.logitsAfter([...prompt, ...tokens.slice(0, i)]), sampling)[token]!,
      SAMPLES,
    )
  })
  dispose()
  const { statistic, degrees } = chiSquare(observed, expected)
  return statistic / critical(degrees)
}

describe("joint distribution of three tokens", () => {
  const settings: Array<[Sampling, number]> = [
    [{ temperature: 1 }, 1],
    [{ temperature: 0.7, topK: 3 }, 2],
    [{ temperature: 1.4, topP: 0.85 }, 2],
  ]
  for (const [sampling, draftLength] of settings)
    test(`${JSON.stringify(sampling)}, gamma ${draftLength}`, () => {
      const ratio = excess(sampling, draftLength, draftLength, (i) => chanceOf(seeded(1, "chi-square", i)))
      expect(ratio).toBeLessThan(1)
    }, 30_000)

  test("the test has the power to see one uniform used for every decision of a text", () => {
    const reused = (index: number): Chance => {
      const fresh = chanceOf(seeded(1, "chi-square", index))
      const r = seeded(1, "reused", index).uniform()
      return { draw: fresh.draw, accept: (p, q) => r * q < p }
    }
    expect(excess({ temperature: 1 }, 2, 4, reused)).toBeGreaterThan(1)
  }, 30_000)
})
