/**
 * A search for settings: each arm and each trained reference is tried at all points of a grid, and a measure on the
 * validation split chooses. The paths of the grid are those of `--set`, inside the arm.
 */
import { type AnyUse, brief, fieldsAt, InvalidInput, isUse, measureUse, usesIn } from "@winnow/core"
import { type } from "arktype"
import { Effect } from "effect"
import { canonicalJson } from "../store/key.ts"
import { seed } from "./numbers.ts"
import { pluginFields } from "./plugin-fields.ts"
import { isNode } from "./registry.ts"

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

/** Points of a grid: each is a training of every arm. */
const mostPoints = 1000

export const sweepSpec = type({
  "+": "reject",
  // Paths inside an arm, such as "optimizer.learningRate" or "filter.k", each with its values.
  over: type({ "[string]": "unknown[]" }).narrow((over, ctx) => {
    const paths = Object.keys(over)
    if (paths.length === 0) return ctx.reject({ expected: "at least one path, such as optimizer.learningRate" })
    for (const path of paths) {
      const values = over[path]!
      if (!pathForm.test(path))
        return ctx.reject({ expected: "paths inside an arm, such as filter.k", actual: brief(path, 60) })
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
    const points = paths.reduce((product, path) => product * over[path]!.length, 1)
    if (points > mostPoints)
      return ctx.reject({ expected: `at most ${mostPoints} points, the product of the values`, actual: `${points}` })
    return true
  }),
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
})

export type SweepSpec = typeof sweepSpec.inferIn
export type Sweep = typeof sweepSpec.infer

/** The seeds that every point of a search is tried under. */
export const seedsOf = ({ seed: one, seeds }: Pick<Sweep, "seed" | "seeds">): ReadonlyArray<number> => seeds ?? [one]

/** Settings by path. */
export type Settings = Readonly<Record<string, unknown>>

/** A training at one point of the grid. */
export interface Point<T> {
  readonly set: Settings
  /** In a few words: "rate 0.003, filter.k 0.4". */
  readonly name: string
  readonly training: T
}

const optionsOf = (use: AnyUse): unknown => {
  const exit = Effect.runSyncExit(Effect.result(use.decoded))
  return exit._tag === "Success" && exit.value._tag === "Success" ? exit.value.success : {}
}

/** The value at a path; undefined if the path does not exist or leads to a plugin. */
export const valueAt = (value: unknown, path: ReadonlyArray<string>): unknown => {
  const [key, ...deeper] = path
  const node = isUse(value) && key !== undefined ? optionsOf(value) : value
  if (key === undefined) return isUse(node) ? undefined : node
  return isNode(node) && Object.hasOwn(node, key) ? valueAt(node[key], deeper) : undefined
}

const withValue = (node: unknown, [key, ...deeper]: ReadonlyArray<string>, value: unknown): unknown => {
  if (key === undefined) return value
  if (isUse(node)) return node.withOptions(withValue(optionsOf(node), [key, ...deeper], value))
  const inside = node as Readonly<Record<string, unknown>>
  return { ...inside, [key]: withValue(inside[key], deeper, value) }
}

/** Numbers in ascending order, other values in their written order. */
const inOrder = (values: ReadonlyArray<unknown>): ReadonlyArray<unknown> =>
  values.every((v) => typeof v === "number") ? values.toSorted((a, b) => Number(a) - Number(b)) : values

/** Settings in a few words. */
export const describeSettings = (set: Settings): string =>
  Object.entries(set)
    .map(([path, value]) => {
      const name = path === "optimizer.learningRate" ? "rate" : path
      return `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`
    })
    .join(", ")

/** True of a setting that a training leaves out and may have: "text", "frozen", but no plugin and no reference. */
const mayHave = (training: object, path: ReadonlyArray<string>, schema: unknown): boolean => {
  const [above, key] = [path.slice(0, -1), path.at(-1)!]
  const node = above.length === 0 ? training : valueAt(training, above)
  return (
    isNode(node) && !pluginFields.has(key) && key !== "reference" && fieldsAt(schema, above, training).includes(key)
  )
}

/**
 * The paths of a search that a training has.
 *
 * @param schema of an arm, which may also have a setting that it leaves out; undefined for a reference
 */
const pathsOf = (training: object, { over }: Pick<Sweep, "over">, schema?: unknown): ReadonlyArray<string> =>
  Object.keys(over).filter((text) => {
    const path = text.split(".")
    return valueAt(training, path) !== undefined || (schema !== undefined && mayHave(training, path, schema))
  })

/**
 * The points of the grid for a training, in the order that ties are decided by: the first path varies slowest, numbers
 * rise. A path that the training does not have is left out; without any there is one point, the training itself.
 *
 * @param schema as for `pathsOf`
 */
export const pointsOf = <T extends object>(
  training: T,
  sweep: Pick<Sweep, "over">,
  schema?: unknown,
): ReadonlyArray<Point<T>> => {
  let points: ReadonlyArray<{ readonly set: Settings; readonly training: T }> = [{ set: {}, training }]
  for (const path of pathsOf(training, sweep, schema))
    points = points.flatMap((point) =>
      inOrder(sweep.over[path]!).map((value) => ({
        set: { ...point.set, [path]: value },
        training: withValue(point.training, path.split("."), value) as T, // The same shape with one changed value.
      })),
    )
  return points.map((point) => ({ ...point, name: describeSettings(point.set) }))
}

/** The training with these settings. */
export const atSettings = <T extends object>(training: T, set: Settings): T =>
  Object.entries(set).reduce((all, [path, value]) => withValue(all, path.split("."), value) as T, training)

/**
 * Refuses a search over a path that no training has.
 *
 * @param arms with every default filled in, and `schema`, which they are of
 * @param references with every default filled in
 * @error InvalidInput that names the path and the plugins' options
 */
export const checkPaths = (
  what: string,
  sweep: Sweep,
  { arms, schema, references }: Readonly<Record<"arms" | "references", ReadonlyArray<object>>> & { schema: unknown },
): Effect.Effect<void, InvalidInput> => {
  const had = new Set([
    ...arms.flatMap((arm) => pathsOf(arm, sweep, schema)),
    ...references.flatMap((reference) => pathsOf(reference, sweep)),
  ])
  const none = Object.keys(sweep.over).filter((path) => !had.has(path))
  const problems = none.map(
    (path) =>
      `no arm and no reference has a setting ${path}; name one as --set does inside an arm, such as optimizer.learningRate, filter.k or steps ` +
      "(a plugin is no setting: make an arm of each)",
  )
  return problems.length === 0 ? Effect.void : Effect.fail(new InvalidInput({ what: `${what}, sweep.over`, problems }))
}

/** One tried point of a training. */
export interface Tried {
  readonly name: string
  readonly set: Settings
  /**
   * By the measure of the search, the mean over its seeds; null if a training stopped itself, or the measure had no
   * value.
   */
  readonly score: number | null
  /** Under each seed, where there are several. */
  readonly scores?: ReadonlyArray<number | null>
}

/** The choice of settings for one arm or reference. */
export interface Chosen {
  readonly name: string
  readonly tried: ReadonlyArray<Tried>
  readonly chosen: Settings
  /** Paths of numbers whose chosen value is the smallest or the largest tried one: a better value may lie beyond. */
  readonly edges: ReadonlyArray<string>
  /**
   * Standard error of the difference between the scores of two points, from how differently seeds rank the points; null
   * where fewer than two points have a score under every seed.
   */
  readonly noise?: number | null
}

/**
 * The noise of a search: the variance of what is left of the scores without the means of points and of seeds, as all
 * points are tried under the same seeds.
 */
const noiseOf = (tried: ReadonlyArray<Tried>): number | null => {
  const rows = tried.flatMap(({ scores = [] }) => {
    const known = scores.filter((score) => score !== null)
    return known.length < scores.length || known.length < 2 ? [] : [known]
  })
  if (rows.length < 2) return null
  const mean = (values: ReadonlyArray<number>) => values.reduce((sum, x) => sum + x, 0) / values.length
  const seeds = rows[0]!.length
  const ofSeed = Array.from({ length: seeds }, (_, s) => mean(rows.map((row) => row[s]!)))
  const ofAll = mean(ofSeed)
  let squares = 0
  for (const row of rows)
    for (const [s, score] of row.entries()) squares += (score - mean(row) - ofSeed[s]! + ofAll) ** 2
  return Math.sqrt((2 * squares) / ((rows.length - 1) * (seeds - 1)) / seeds)
}

/** The number of other points whose score is within two standard errors of the best: the search does not tell them apart. */
export const levelWithBest = ({ tried, chosen, noise }: Chosen): number => {
  const best = tried.find(({ set }) => canonicalJson(set) === canonicalJson(chosen))
  if (best?.score == null || noise == null) return 0
  const [top, reach] = [best.score, 2 * noise]
  return tried.filter((point) => point !== best && point.score !== null && Math.abs(point.score - top) <= reach).length
}

/** The index of the point with the middle value of every path. */
const middle = (tried: ReadonlyArray<Tried>): number => {
  const paths = Object.keys(tried[0]!.set)
  const wanted = Object.fromEntries(
    paths.map((path) => {
      const values = [...new Map(tried.map(({ set }) => [canonicalJson(set[path]), set[path]])).values()]
      return [path, values[values.length >> 1]]
    }),
  )
  return tried.findIndex(({ set }) => canonicalJson(set) === canonicalJson(wanted))
}

const edgesOf = (tried: ReadonlyArray<Tried>, chosen: Settings): ReadonlyArray<string> =>
  Object.entries(chosen).flatMap(([path, value]) => {
    const values = tried.map(({ set }) => set[path])
    if (typeof value !== "number" || !values.every((v) => typeof v === "number")) return []
    return value === Math.min(...values) || value === Math.max(...values) ? [path] : []
  })

/**
 * The best point; a training without any stays unchanged. Among equal scores it is the first in the order of
 * `pointsOf`, so the smallest numbers. If no score is known yet (plans) it is the point in the middle.
 *
 * @param tried with `known` false for a trial that was not run. A process that only looks trials up finds no artifact
 * of a
 *   diverged training, which beside known trials counts as stopped
 * @error InvalidInput if no point has a score
 */
export const chooseBest = (
  name: string,
  better: "higher" | "lower",
  tried: ReadonlyArray<Tried & { readonly known: boolean }>,
): Effect.Effect<Chosen, InvalidInput> => {
  const points = tried.map(({ known: _, ...point }) => point)
  if (points.length === 0) return Effect.succeed({ name, tried: [], chosen: {}, edges: [] })
  let best = tried.some(({ known }) => known) ? -1 : middle(points)
  const sign = better === "higher" ? 1 : -1
  if (best < 0)
    for (const [i, { score }] of points.entries())
      if (score !== null && (best < 0 || sign * score > sign * points[best]!.score!)) best = i
  if (best < 0) {
    const problems = [
      `no training came to a score, tried were ${points.map((p) => p.name).join("; ")}: training stops itself where the loss is not finite, so add lower rates`,
    ]
    return Effect.fail(new InvalidInput({ what: `sweep of ${name}`, problems }))
  }
  const chosen = points[best]!.set
  const several = points.some(({ scores }) => scores !== undefined)
  const noise = several ? { noise: noiseOf(points) } : {}
  return Effect.succeed({ name, tried: points, chosen, edges: edgesOf(points, chosen), ...noise })
}
