/** The points of a search: settings of an arm or a reference, from a grid or drawn. */
import { type AnyUse, fieldsAt, InvalidInput, isUse } from "@winnow/core"
import { Effect } from "effect"
import { canonicalJson } from "../store/key.ts"
import { drawValue, isRange } from "./domain.ts"
import { pluginFields } from "./plugin-fields.ts"
import { isNode } from "./registry.ts"
import type { Sweep } from "./sweep.ts"

/** Settings by path. */
export type Settings = Readonly<Record<string, unknown>>

/** A point of a search. */
export interface Point {
  readonly set: Settings
  /** In a few words: "rate 0.003, filter.k 0.4". */
  readonly name: string
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

/** The fields that a kind of training may have. */
export interface Fields {
  readonly schema: unknown
  /** Where they are left out, a search sets `text` and its like if this is true, else only fields such as `optimizer.average`. */
  readonly own: boolean
}

/** True of a setting that a training leaves out and may have: "text", "frozen", but no plugin and no reference. */
const mayHave = (training: object, path: ReadonlyArray<string>, { schema, own }: Fields): boolean => {
  const [above, key] = [path.slice(0, -1), path.at(-1)!]
  if (above.length === 0 && !own) return false
  const node = above.length === 0 ? training : valueAt(training, above)
  return (
    isNode(node) && !pluginFields.has(key) && key !== "reference" && fieldsAt(schema, above, training).includes(key)
  )
}

/** The paths of a search that a training has, or may have. */
const pathsOf = (training: object, { over }: Pick<Sweep, "over">, fields: Fields): ReadonlyArray<string> =>
  Object.keys(over).filter((text) => {
    const path = text.split(".")
    return valueAt(training, path) !== undefined || mayHave(training, path, fields)
  })

/** All combinations of the values of these paths: the first path varies slowest, numbers rise. */
const gridOf = (paths: ReadonlyArray<string>, { over }: Pick<Sweep, "over">): ReadonlyArray<Settings> => {
  let sets: ReadonlyArray<Settings> = [{}]
  for (const path of paths) {
    const values = over[path]!
    // The schema has refused a range without a method that draws from it.
    sets = sets.flatMap((set) => (isRange(values) ? [] : inOrder(values)).map((value) => ({ ...set, [path]: value })))
  }
  return sets
}

/** Draws of one point that may repeat earlier ones before a search takes its domains as used up. */
const mostRepeats = 100

/** Different points by chance, in the order of their draws: fewer than asked for where the lists have no more. */
const drawsOf = (
  paths: ReadonlyArray<string>,
  { over }: Pick<Sweep, "over">,
  { draws, seed }: NonNullable<Sweep["method"]>,
): ReadonlyArray<Settings> => {
  const sets = new Map<string, Settings>()
  for (let draw = 0, repeats = 0; sets.size < draws && repeats < mostRepeats; draw++) {
    const set = Object.fromEntries(paths.map((path) => [path, drawValue(over[path]!, seed, path, draw)]))
    const key = canonicalJson(set)
    repeats = sets.has(key) ? repeats + 1 : 0
    if (!sets.has(key)) sets.set(key, set)
  }
  return [...sets.values()]
}

/**
 * The points of a search for a training, in the order that ties are decided by: that of the grid, or of the draws. A
 * path that the training does not have is left out; without any there is one point, the training itself.
 */
export const pointsOf = (
  training: object,
  sweep: Pick<Sweep, "over" | "method">,
  fields: Fields,
): ReadonlyArray<Point> => {
  const paths = pathsOf(training, sweep, fields)
  const { method } = sweep
  const sets = paths.length === 0 ? [{}] : method === undefined ? gridOf(paths, sweep) : drawsOf(paths, sweep, method)
  return sets.map((set) => ({ set, name: describeSettings(set) }))
}

/** The training with these settings. */
export const atSettings = <T extends object>(training: T, set: Settings): T =>
  Object.entries(set).reduce((all, [path, value]) => withValue(all, path.split("."), value) as T, training)

/**
 * Refuses a search over a path that no training has.
 *
 * @param trainings arms and references with every default filled in, each with the fields that its kind may have
 * @error InvalidInput that names the path and the plugins' options
 */
export const checkPaths = (
  what: string,
  sweep: Sweep,
  trainings: ReadonlyArray<readonly [training: object, fields: Fields]>,
): Effect.Effect<void, InvalidInput> => {
  const had = new Set(trainings.flatMap(([training, fields]) => pathsOf(training, sweep, fields)))
  const none = Object.keys(sweep.over).filter((path) => !had.has(path))
  const problems = none.map(
    (path) =>
      `no arm and no reference has a setting ${path}; name one as --set does inside an arm, such as optimizer.learningRate, filter.k or steps ` +
      "(a plugin is no setting: make an arm of each)",
  )
  return problems.length === 0 ? Effect.void : Effect.fail(new InvalidInput({ what: `${what}, sweep.over`, problems }))
}
