/**
 * A search for settings: each arm and each trained reference is tried at points of a grid or at drawn ones, and a
 * measure on the validation split chooses. The paths are those of `--set`, inside the arm.
 */
import { brief, later, measureUse, usesIn } from "@winnow/core"
import { type } from "arktype"
import { canonicalJson } from "../store/key.ts"
import { isRange, range } from "./domain.ts"
import { natural, seed } from "./numbers.ts"

/** Measures of the lab that can rank a search, and their better end; a plugin of kind measure can do so too. */
export const sweepMeasures = {
  /** On the target's greedy texts, at the draft length of the table. */
  greedyAcceptance: "higher",
  /** Mean of sum_v min(p_v, q_v) on the target's sampled texts. */
  expectedAcceptance: "higher",
  /** -log q of the task's own answers, nats a token; needs no target. */
  loss: "lower",
} as const
export type SweepMeasure = keyof typeof sweepMeasures

const pathForm = /^[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$/

/** The reason why a value is not JSON. */
const jsonFault = (value: unknown): string | undefined => {
  try {
    canonicalJson(value)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** Points of a search: each is a training of every arm. */
const mostPoints = 1000

const draws = type(`1 <= number.integer <= ${mostPoints}`)

/** The way in which the points of a search come about; a grid of all combinations if left out. */
export const methodSpec = later(() =>
  type({
    "+": "reject",
    kind: "'random'",
    draws,
    // Of the generator that draws the points; no training has it.
    seed: seed.default(0),
  }).or({
    "+": "reject",
    kind: "'halving'",
    draws,
    // The best one of so many points goes on, with so many times the steps.
    factor: "2 <= number.integer <= 100 = 3",
    // As many as leave one point for the last if left out.
    "rungs?": "2 <= number.integer <= 20",
    seed: seed.default(0),
  }),
)
export type Method = typeof methodSpec.infer
export type MethodInput = typeof methodSpec.inferIn

/** Drawn points: so many, or as many of them as the budget has room for. */
export const randomPoints = (options: { readonly draws: number; readonly seed?: number }) =>
  ({ kind: "random", ...options }) as const

/**
 * Successive halving of drawn points: all are tried with few steps, and the best one of `factor` goes on with `factor`
 * times as many, until the last ones have all steps.
 *
 * @param options.rungs as many as leave one point for the last if left out
 */
export const halving = (options: {
  readonly draws: number
  readonly factor?: number
  readonly rungs?: number
  readonly seed?: number
}) => ({ kind: "halving", ...options }) as const

/** The most that the search of each arm and reference may cost. */
export const budgetSpec = later(() =>
  type({
    "+": "reject",
    // Trainings, one for each seed of each point of each rung.
    "trials?": natural,
    // Of trainings, caches and written texts, as estimated before they run.
    "flops?": "number > 0",
    // Of trainings, caches, written texts and scores, as the clock tells.
    "seconds?": "number > 0",
  }).narrow(
    (budget, ctx) => Object.keys(budget).length > 0 || ctx.reject({ expected: "one of trials, flops and seconds" }),
  ),
)
export type SearchBudget = typeof budgetSpec.infer

export const sweepSpec = later(() =>
  type({
    "+": "reject",
    // Paths inside an arm, such as "optimizer.learningRate" or "filter.k", each with its values or their range.
    over: type({ "[string]": type("unknown[]").or(range) }).narrow((over, ctx) => {
      const paths = Object.keys(over)
      if (paths.length === 0) return ctx.reject({ expected: "at least one path, such as optimizer.learningRate" })
      for (const path of paths) {
        const values = over[path]!
        if (!pathForm.test(path))
          return ctx.reject({ expected: "paths inside an arm, such as filter.k", actual: brief(path, 60) })
        if (isRange(values)) continue
        const [inside] = values.flatMap(usesIn)
        if (inside !== undefined)
          return ctx.reject({
            expected: `${path} with plain values (make an arm of each plugin)`,
            actual: `${inside.kind} ${inside.name} among them`,
          })
        const odd = jsonFault(values)
        if (odd !== undefined) return ctx.reject({ expected: `${path} with values that JSON holds`, actual: odd })
        if (values.length < 2 || new Set(values.map((value) => canonicalJson(value))).size < values.length)
          return ctx.reject({ expected: `${path} with two values or more, all different`, actual: brief(values) })
      }
      return true
    }),
    "method?": methodSpec,
    "budget?": budgetSpec,
    by: type("'greedyAcceptance' | 'expectedAcceptance' | 'loss'").or(measureUse).default("greedyAcceptance"),
    // A seed for start, order of the data and draws that no measured draft has.
    seed: seed.default(0),
    // Several such seeds, in the place of the one: each point is a training of each, and its score their mean.
    "seeds?": seed
      .array()
      .narrow(
        (seeds, ctx) =>
          (seeds.length >= 2 && new Set(seeds).size === seeds.length) ||
          ctx.reject({ expected: "two seeds or more, all different (seed is for one)", actual: JSON.stringify(seeds) }),
      ),
    // Number of prompts of the measure, from the start of the validation split.
    prompts: "number.integer >= 2 = 100",
  }).narrow(({ over, method, budget }, ctx) => {
    if (method !== undefined) return true
    if (budget !== undefined)
      return ctx.reject({
        path: ["sweep", "budget"],
        expected: "left out, as a grid tries all its points; or a method, random or halving",
        actual: brief(budget),
      })
    let points = 1
    for (const [path, values] of Object.entries(over)) {
      if (isRange(values))
        return ctx.reject({
          path: ["sweep", "over", path],
          expected: "a list of values, as a grid needs; or a method, random or halving, which draws from a range",
          actual: brief(values),
        })
      points *= values.length
    }
    return (
      points <= mostPoints ||
      ctx.reject({
        path: ["sweep", "over"],
        expected: `at most ${mostPoints} points, the product of the values`,
        actual: `${points}`,
      })
    )
  }),
)

export type SweepSpec = typeof sweepSpec.inferIn
export type Sweep = typeof sweepSpec.infer

/** The seeds that every point of a search is tried under. */
export const seedsOf = ({ seed: one, seeds }: Pick<Sweep, "seed" | "seeds">): ReadonlyArray<number> => seeds ?? [one]
