/**
 * How often intervals hold the truth: simulated seeds and prompts, of which the truth is known.
 *
 * `bun packages/lab/test/coverage.ts` prints the table of docs/reports.md (about three minutes).
 */
import { quantile, seeded } from "@winnow/numerics"
import { estimate } from "../src/statistics/interval.ts"
import { resample } from "../src/statistics/resample.ts"
import { type Cells_P, pooled } from "../src/statistics/sample.ts"
import { studentCdf, studentQuantile } from "../src/statistics/student-t.ts"

/** Standard deviations of what a figure is made of: the seed's effect, the prompt's, and that of both together. */
export interface Effects {
  readonly seed: number
  readonly prompt: number
  readonly noise: number
}

/** Shares of simulated figures whose interval holds the truth, and the mean width of those intervals. */
export interface Coverage {
  readonly held: number
  readonly width: number
}

/** The level of a percentile interval that would be right for n normal values, were there values between the n. */
const expandedLevel = (n: number): number => studentCdf(-Math.sqrt(n / (n - 1)) * studentQuantile(0.975, n - 1), 4001)

/**
 * Coverage of the lab's interval, of the plain percentile interval of the same resamples, and of the expanded percentile.
 *
 * @source Hesterberg 2015, What Teachers Should Know About the Bootstrap, section 5.3, for the expanded percentile
 */
export const coverage = (S: number, P: number, { seed, prompt, noise }: Effects, trials: number) => {
  const kinds = { ours: { held: 0, width: 0 }, percentile: { held: 0, width: 0 }, expanded: { held: 0, width: 0 } }
  const truth = 10
  for (let trial = 0; trial < trials; trial++) {
    const rng = seeded(trial, "coverage", S, P)
    const ofPrompt = Array.from({ length: P }, () => prompt * rng.normal())
    const cells = new Map<number, Cells_P>()
    for (let s = 0; s < S; s++) {
      const ofSeed = truth + seed * rng.normal()
      cells.set(
        s,
        ofPrompt.map((effect) => [ofSeed + effect + noise * rng.normal(), 1] as const),
      )
    }
    const sample = pooled(cells)
    const { both_B } = resample(sample)
    const [tail, far] = [0.025, expandedLevel(S)]
    const ends = {
      ours: estimate(sample),
      percentile: { low: quantile(both_B, tail), high: quantile(both_B, 1 - tail) },
      expanded: { low: quantile(both_B, far), high: quantile(both_B, 1 - far) },
    }
    for (const kind of ["ours", "percentile", "expanded"] as const) {
      const { low, high } = ends[kind]
      if (low <= truth && truth <= high) kinds[kind].held += 1 / trials
      kinds[kind].width += (high - low) / trials
    }
  }
  return kinds as Readonly<Record<keyof typeof kinds, Coverage>>
}

/** Three mixtures: seeds that differ much, alike, and not at all beside prompts and noise. */
export const mixtures: ReadonlyArray<readonly [name: string, effects: Effects]> = [
  ["seeds", { seed: 1, prompt: 1, noise: 1 }],
  ["all alike", { seed: 0.1, prompt: 1, noise: 1 }],
  ["a prompt under one seed", { seed: 0, prompt: 0, noise: 1 }],
]

if (import.meta.main) {
  const cell = ({ held, width }: Coverage) => `${(100 * held).toFixed(1)} % (${width.toFixed(2)})`
  console.log(
    "| seeds | what differs most | as here | percentile | expanded percentile |\n| ----- | ----------------- | ------- | ---------- | ------------------- |",
  )
  for (const S of [2, 3, 5, 8])
    for (const [name, effects] of mixtures) {
      const { ours, percentile, expanded } = coverage(S, 160, effects, 1000)
      console.log(`| ${S} | ${name} | ${cell(ours)} | ${cell(percentile)} | ${cell(expanded)} |`)
    }
}
