/**
 * A search for settings: each arm and each trained reference is tried at all points of a grid, and a measure on the
 * validation split chooses. The paths of the grid are those of `--set`, inside the arm.
 */
import { type AnyUse, brief, InvalidInput, isUse, measureUse, usesIn } from "@winnow/core"
import { type } from "arktype"
import { Effect } from "effect"
import { canonicalJson } from "../store/key.ts"
import { seed } from "./numbers.ts"
import { isNode } from "./registry.ts"

/** Measures of the lab that a search can be by, and their better end; a plugin of kind measure serves too. */
export const sweepMeasures = {
  /** Of the target's greedy texts, at the draft length of the table. */
  greedyAcceptance: "higher",
  /** Mean of sum_v min(p_v, q_v) on the target's sampled texts. */
  expectedAcceptance: "higher",
  /** -log q of the task's own answers, nats a token; needs no target. */
  loss: "lower",
} as const
export type SweepMeasure = keyof typeof sweepMeasures

const pathForm = /^[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$/

/** The reason why a value is no JSON. */
const jsonFault = (value: unknown): string | undefined => {
  try {
    canonicalJson(value)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

export const sweepSpec = type({
  "+": "reject",
  // Paths inside an arm, such as "optimizer.learningRate" or "filter.k", each with the values that are tried.
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
    return true
  }),
  by: type("'greedyAcceptance' | 'expectedAcceptance' | 'loss'").or(measureUse).default("greedyAcceptance"),
  // A start, an order of the data and draws that no measured seed has.
  seed: seed.default(0),
  // Prompts of the validation split, the first of it, that the measure is of.
  prompts: "number.integer >= 2 = 100",
})

export type SweepSpec = typeof sweepSpec.inferIn
export type Sweep = typeof sweepSpec.infer

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

/** The value at a path; undefined if the path does not exist or holds a plugin. */
const valueAt = (value: unknown, path: ReadonlyArray<string>): unknown => {
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

/** Numbers in ascending order, anything else as it is written. */
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

/** The paths of a search that a training has. */
const pathsOf = (training: object, { over }: Pick<Sweep, "over">): ReadonlyArray<string> =>
  Object.keys(over).filter((path) => valueAt(training, path.split(".")) !== undefined)

/**
 * The points of the grid for a training, in the order that ties are decided by: the first path varies slowest, numbers
 * rise. A path that the training does not have is left out; without any there is one point, the training itself.
 */
export const pointsOf = <T extends object>(training: T, sweep: Pick<Sweep, "over">): ReadonlyArray<Point<T>> => {
  let points: ReadonlyArray<{ readonly set: Settings; readonly training: T }> = [{ set: {}, training }]
  for (const path of pathsOf(training, sweep))
    points = points.flatMap((point) =>
      inOrder(sweep.over[path]!).map((value) => ({
        set: { ...point.set, [path]: value },
        training: withValue(point.training, path.split("."), value) as T, // the same shape with one changed value
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
 * @param trainings arms and references, every default filled in
 * @error InvalidInput that names the path and the plugins' options
 */
export const checkPaths = (
  what: string,
  sweep: Sweep,
  trainings: ReadonlyArray<object>,
): Effect.Effect<void, InvalidInput> => {
  const had = new Set(trainings.flatMap((training) => pathsOf(training, sweep)))
  const none = Object.keys(sweep.over).filter((path) => !had.has(path))
  const problems = none.map(
    (path) =>
      `no arm and no reference has a setting ${path}; name one as --set does inside an arm, such as optimizer.learningRate, filter.k or steps ` +
      "(a plugin is no setting: make an arm of each)",
  )
  return problems.length === 0 ? Effect.void : Effect.fail(new InvalidInput({ what: `${what}, sweep.over`, problems }))
}

/** One point that a training was tried at. */
export interface Tried {
  readonly name: string
  readonly set: Settings
  /** By the measure of the search; null where the training stopped itself, or nothing could be measured. */
  readonly score: number | null
}

/** How the settings of one arm or reference were chosen. */
export interface Chosen {
  readonly name: string
  readonly tried: ReadonlyArray<Tried>
  readonly chosen: Settings
  /** Paths of numbers whose chosen value is the smallest or the largest that was tried: a better one may lie beyond. */
  readonly edges: ReadonlyArray<string>
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
 * The best point; a training without any stays as it is. Of equal ones the first in the order of `pointsOf`, so the smallest numbers. Where nothing is known yet
 * (plans) it is the one in the middle.
 *
 * @param tried with whether anything is known of the trial: a process that only looks trials up finds none of a training
 *   that stopped itself, which beside others counts as stopped
 * @error InvalidInput where no point has a score
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
  return Effect.succeed({ name, tried: points, chosen, edges: edgesOf(points, chosen) })
}
