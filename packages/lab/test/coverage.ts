/**
 * Measures how often intervals cover the truth: simulated seeds and prompts with a known truth.
 *
 * `bun packages/lab/test/coverage.ts` prints the tables of docs/reports.md (about two minutes).
 *
 * Letters: S seeds, P prompts.
 */
import {
  type Cell,
  crossedErrors,
  type Errors,
  halfWidth,
  quantile,
  type Rng,
  ratioInfluence,
  seeded,
  studentQuantile,
} from "@winnow/numerics"

/** Standard deviations of the parts of a figure: the seed's effect, the prompt's, and their interaction. */
export interface Effects {
  readonly seed: number
  readonly prompt: number
  readonly noise: number
}

/** One simulated figure: its cells, and its distance from the truth. */
interface Trial {
  readonly z_SP: ReadonlyArray<Float64Array>
  readonly error: number
}

/** Draws a figure of S seeds and P prompts. */
export type Draw = (rng: Rng, S: number, P: number) => Trial

/** A mean of cells that are sums of normal effects; the truth is 0. */
export const normal =
  ({ seed, prompt, noise }: Effects): Draw =>
  (rng, S, P) => {
    const ofPrompt = Float64Array.from({ length: P }, () => prompt * rng.normal())
    const z_SP = Array.from({ length: S }, () => {
      const ofSeed = seed * rng.normal()
      return ofPrompt.map((effect) => ofSeed + effect + noise * rng.normal())
    })
    const error = z_SP.reduce((sum, z_P) => sum + z_P.reduce((a, b) => a + b, 0), 0) / (S * P)
    return { z_SP, error }
  }

const logistic = (x: number): number => 1 / (1 + Math.exp(-x))

/**
 * The difference of the acceptances of two arms that are drawn alike, so the truth is 0: tokens that agree or do not, 4
 * to 40 of them a prompt, and a few prompts that are hard for either arm; effects are logits.
 */
export const counts =
  ({ seed, prompt, noise }: Effects): Draw =>
  (rng, S, P) => {
    const tokens = Array.from({ length: P }, () => 4 + rng.below(37))
    const hard = Float64Array.from({ length: P }, () => 0.7 + rng.normal() - (rng.uniform() < 0.1 ? 2 : 0))
    const arm = (): ReadonlyArray<ReadonlyArray<Cell>> => {
      const own = Float64Array.from({ length: P }, () => prompt * rng.normal())
      return Array.from({ length: S }, () => {
        const ofSeed = seed * rng.normal()
        return tokens.map((n, p): Cell => {
          const chance = logistic(hard[p]! + own[p]! + ofSeed + noise * rng.normal())
          let agreed = 0
          for (let t = 0; t < n; t++) if (rng.uniform() < chance) agreed++
          return [agreed, n]
        })
      })
    }
    const [a, b] = [ratioInfluence(arm()), ratioInfluence(arm())]
    return { z_SP: a.z_SP.map((z_P, s) => z_P.map((z, p) => z - b.z_SP[s]![p]!)), error: a.value - b.value }
  }

/** Half of an interval without its floor, from the estimated errors of seeds and prompts together. */
const unfloored = ({ seeds, prompts }: Errors, S: number, P: number): number =>
  Math.hypot(studentQuantile(0.975, S - 1) * seeds, studentQuantile(0.975, P - 1) * prompts)

/** Means of z with seeds and prompts drawn again, around the figure's error. */
const resampled = (rng: Rng, { z_SP, error }: Trial, draws: number): Float64Array => {
  const [S, P] = [z_SP.length, z_SP[0]!.length]
  const centre = z_SP.reduce((sum, z_P) => sum + z_P.reduce((a, b) => a + b, 0), 0) / (S * P)
  return Float64Array.from({ length: draws }, () => {
    const seeds = Array.from({ length: S }, () => rng.below(S))
    const prompts = Int32Array.from({ length: P }, () => rng.below(P))
    let sum = 0
    for (const s of seeds) for (let p = 0; p < P; p++) sum += z_SP[s]![prompts[p]!]!
    return error + sum / (S * P) - centre
  })
}

/** Shares of simulated figures whose interval covers the truth. */
export interface Coverage {
  readonly coverageRate: number
  /** Mean half-width over the standard deviation of the figure. */
  readonly width: number
  /** Over figures whose prompts' part was cut at 0, and the share of such figures. */
  readonly cut: { readonly coverageRate: number; readonly share: number }
  /** Over the tenth of figures whose seeds agree most, with and without the floor. */
  readonly agreeing: { readonly coverageRate: number; readonly unfloored: number }
  /** Over all figures, without the floor. */
  readonly unfloored: number
  /** For the percentile interval of resampled seeds and prompts, in the first trials. */
  readonly percentile: number
}

const share = <A>(all: ReadonlyArray<A>, is: (one: A) => boolean): number => all.filter(is).length / all.length

/**
 * Simulates figures and their intervals.
 *
 * @param resampledTrials number of trials, from the first, that are resampled too
 */
export const coverage = (draw: Draw, S: number, P: number, trials: number, resampledTrials = 0): Coverage => {
  const all = Array.from({ length: trials }, (_, trial) => {
    const rng = seeded(trial, "coverage", S, P)
    const one = draw(rng, S, P)
    const { errors, cut } = crossedErrors(one.z_SP)
    const half = halfWidth(errors, S, P)
    const means = trial < resampledTrials ? resampled(rng, one, 300) : undefined
    const off = Math.abs(one.error)
    return {
      error: one.error,
      half,
      cut,
      seeds: errors.seeds,
      held: off <= half,
      unfloored: off <= unfloored(errors, S, P),
      percentile: means && quantile(means, 0.025) <= 0 && 0 <= quantile(means, 0.975),
    }
  })
  const tenth = quantile(
    Float64Array.from(all, ({ seeds }) => seeds),
    0.1,
  )
  const agreeing = all.filter(({ seeds }) => seeds <= tenth)
  const cut = all.filter((one) => one.cut)
  const spread = Math.sqrt(all.reduce((sum, { error }) => sum + error * error, 0) / trials)
  const first = all.slice(0, resampledTrials)
  return {
    coverageRate: share(all, ({ held }) => held),
    width: all.reduce((sum, { half }) => sum + half, 0) / trials / spread,
    cut: { coverageRate: share(cut, ({ held }) => held), share: cut.length / trials },
    agreeing: { coverageRate: share(agreeing, ({ held }) => held), unfloored: share(agreeing, (one) => one.unfloored) },
    unfloored: share(all, (one) => one.unfloored),
    percentile: share(first, ({ percentile }) => percentile === true),
  }
}

/** Mixtures of effects: the spread of seeds beside that of prompts and noise. */
export const mixtures: ReadonlyArray<readonly [name: string, effects: Effects]> = [
  ["noise alone", { seed: 0, prompt: 0, noise: 1 }],
  ["a little by seeds", { seed: 0.1, prompt: 0, noise: 1 }],
  ["prompts, a little by seeds", { seed: 0.1, prompt: 1, noise: 1 }],
  ["seeds", { seed: 1, prompt: 1, noise: 1 }],
]

/**
 * The standard error of a pooled ratio of prompts of uneven length under one seed, in closed form and by resampling;
 * each as a multiple of the ratio's true standard deviation.
 */
const errorsOfRatio = (P: number, trials: number) => {
  const all = Array.from({ length: trials }, (_, trial) => {
    const rng = seeded(trial, "ratio", P)
    const cells = Array.from({ length: P }, (): Cell => {
      const n = 4 + rng.below(60)
      const chance = logistic(0.5 + rng.normal() - n / 60)
      let agreed = 0
      for (let t = 0; t < n; t++) if (rng.uniform() < chance) agreed++
      return [agreed, n]
    })
    const { value, z_SP } = ratioInfluence([cells])
    const draws = Float64Array.from({ length: 300 }, () => {
      let [agreed, n] = [0, 0]
      for (let p = 0; p < P; p++) {
        const [a, of] = cells[rng.below(P)]!
        agreed += a
        n += of
      }
      return agreed / n
    })
    const centre = draws.reduce((a, b) => a + b, 0) / draws.length
    const boot = Math.sqrt((draws.reduce((sum, x) => sum + (x - centre) ** 2, 0) / 299) * (P / (P - 1)))
    return { value, closed: crossedErrors(z_SP).errors.prompts, boot }
  })
  const mean = (of: (one: (typeof all)[number]) => number) => all.reduce((sum, one) => sum + of(one), 0) / trials
  const centre = mean(({ value }) => value)
  const spread = Math.sqrt(mean(({ value }) => (value - centre) ** 2))
  return { closed: mean(({ closed }) => closed) / spread, boot: mean(({ boot }) => boot) / spread }
}

if (import.meta.main) {
  const percent = (x: number) => (100 * x).toFixed(1)
  const row = (name: string, S: number, P: number, draw: Draw, trials: number) => {
    const c = coverage(draw, S, P, trials, 1000)
    const cut = c.cut.share < 0.01 ? "-" : `${percent(c.cut.coverageRate)} (${percent(c.cut.share)})`
    console.log(
      `| ${S} | ${P} | ${name} | ${percent(c.coverageRate)} | ${c.width.toFixed(2)} | ${cut} | ${percent(c.agreeing.coverageRate)} | ` +
        `${percent(c.unfloored)} | ${percent(c.agreeing.unfloored)} | ${percent(c.percentile)} |`,
    )
  }
  console.log(
    "| seeds | prompts | what differs | held | width | held, cut (cases) | held, seeds agree | no floor | no floor, seeds agree | percentile |",
  )
  console.log("| - | - | - | - | - | - | - | - | - | - |")
  for (const S of [2, 3, 5]) for (const [name, effects] of mixtures) row(name, S, 160, normal(effects), 5000)
  for (const S of [2, 3, 5])
    for (const [name, effects] of [
      ["counts, noise alone", { seed: 0, prompt: 0, noise: 0.3 }],
      ["counts, a little by seeds", { seed: 0.05, prompt: 0.2, noise: 0.3 }],
      ["counts, seeds", { seed: 0.3, prompt: 0.2, noise: 0.3 }],
    ] as const)
      row(name, S, 160, counts(effects), 2000)
  row("counts, a little by seeds", 5, 20, counts({ seed: 0.05, prompt: 0.2, noise: 0.3 }), 4000)
  console.log("\n| prompts | closed form | bootstrap |\n| - | - | - |")
  for (const P of [6, 12, 30, 160]) {
    const { closed, boot } = errorsOfRatio(P, 1000)
    console.log(`| ${P} | ${closed.toFixed(3)} | ${boot.toFixed(3)} |`)
  }
}
