/**
 * Replaces references to repositories of a hub in an experiment by their present commits, and downloads the files of
 * models.
 */
import { type AnyUse, type DataError, type InvalidInput, isUse } from "@winnow/core"
import { isDatasetReference, isHubReference, pinnedDataset, pinnedReference, type Wanted } from "@winnow/hub"
import { Effect } from "effect"
import { isNode, type Node } from "./registry.ts"

/** A repository that an experiment names. */
interface Named {
  readonly path: string
  readonly wanted: Wanted | "dataset"
}

/** The part of a repository that an object names by its path, or the data set that a task reads by its option `from`. */
const wantedBy = (value: Node | AnyUse): Named | undefined => {
  const from = isNode(value.options) ? value.options["from"] : undefined
  if (typeof from === "string" && isDatasetReference(from)) return { path: from, wanted: "dataset" }
  if (isUse(value)) return undefined
  const { kind, path } = value
  if (typeof path !== "string" || !isHubReference(path)) return undefined
  if (kind === "folder") return { path, wanted: "model" }
  return kind === "file" ? { path, wanted: "tokenizer" } : undefined
}

/** True for an object with plain fields that is no plugin. */
const isPlain = (value: unknown): value is Node =>
  isNode(value) && [Object.prototype, null].includes(Object.getPrototypeOf(value))

/** Maps the objects that name a repository; objects without one stay the same objects. */
const mapNamed = <A>(root: A, change: (node: Node | AnyUse) => Node | AnyUse): A => {
  const done = new Map<unknown, unknown>()
  const mapped = (value: unknown): unknown => {
    if (!Array.isArray(value) && !isPlain(value) && !isUse(value)) return value
    if (done.has(value)) return done.get(value)
    done.set(value, value) // A circle ends here.
    let result: unknown = value
    if (Array.isArray(value)) {
      const items = value.map(mapped)
      if (items.some((item, i) => item !== value[i])) result = items
    } else if (wantedBy(value) !== undefined) result = change(value)
    else if (!isUse(value)) {
      const fields = Object.entries(value).map(([key, inner]) => [key, mapped(inner)] as const)
      if (fields.some(([key, inner]) => inner !== value[key])) result = { ...value, ...Object.fromEntries(fields) }
    }
    done.set(value, result)
    return result
  }
  return mapped(root) as A
}

/**
 * The same experiment with the commits of its references, downloaded. An experiment without a reference contacts no
 * hub.
 *
 * @error InvalidInput, DataError as `fetchReference`
 */
export const withPinnedReferences = <A>(resolved: A): Effect.Effect<A, InvalidInput | DataError> =>
  Effect.gen(function* () {
    const places = new Map<string, Named>()
    mapNamed(resolved, (node) => {
      const named = wantedBy(node)!
      places.set(`${named.wanted} ${named.path}`, named)
      return node
    })
    if (places.size === 0) return resolved
    const pins = new Map<string, string>()
    // Models before tokenizers: a model brings its own.
    for (const { path, wanted } of [...places.values()].toSorted((a, b) => a.wanted.localeCompare(b.wanted)))
      pins.set(
        path,
        yield* wanted === "dataset" ? pinnedDataset(path) : pinnedReference(pins.get(path) ?? path, wanted),
      )
    return mapNamed(resolved, (node) => {
      const { path, wanted } = wantedBy(node)!
      const pin = pins.get(path)!
      if (wanted !== "dataset") return { ...node, path: pin }
      const options = { ...(node.options as Node), from: pin }
      return isUse(node) ? node.withOptions(options) : { ...node, options }
    })
  })
