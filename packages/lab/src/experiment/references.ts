/**
 * Replaces references to repositories of a hub in an experiment by their present commits, and downloads their files.
 */
import type { DataError, InvalidInput } from "@winnow/core"
import { isHubReference, pinnedReference, type Wanted } from "@winnow/hub"
import { Effect } from "effect"
import { isNode, type Node } from "./registry.ts"

/** The part of a repository that an object of an experiment names by its path. */
const wantedBy = ({ kind, path }: Node): { readonly path: string; readonly wanted: Wanted } | undefined => {
  if (typeof path !== "string" || !isHubReference(path)) return undefined
  if (kind === "folder") return { path, wanted: "model" }
  return kind === "file" ? { path, wanted: "tokenizer" } : undefined
}

/** True for an object with plain fields that is no plugin. */
const isPlain = (value: unknown): value is Node =>
  isNode(value) && [Object.prototype, null].includes(Object.getPrototypeOf(value))

/** Maps the objects that name a repository; objects without one stay the same objects. */
const mapNamed = <A>(root: A, change: (node: Node) => Node): A => {
  const done = new Map<unknown, unknown>()
  const mapped = (value: unknown): unknown => {
    if (!Array.isArray(value) && !isPlain(value)) return value
    if (done.has(value)) return done.get(value)
    done.set(value, value) // A circle ends here.
    let result: unknown = value
    if (Array.isArray(value)) {
      const items = value.map(mapped)
      if (items.some((item, i) => item !== value[i])) result = items
    } else if (wantedBy(value) === undefined) {
      const fields = Object.entries(value).map(([key, inner]) => [key, mapped(inner)] as const)
      if (fields.some(([key, inner]) => inner !== value[key])) result = { ...value, ...Object.fromEntries(fields) }
    } else result = change(value)
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
    const places = new Map<string, { readonly path: string; readonly wanted: Wanted }>()
    mapNamed(resolved, (node) => {
      const named = wantedBy(node)!
      places.set(`${named.wanted} ${named.path}`, named)
      return node
    })
    if (places.size === 0) return resolved
    const pins = new Map<string, string>()
    // Models first: a model brings its tokenizer.
    for (const { path, wanted } of [...places.values()].toSorted((a, b) => a.wanted.localeCompare(b.wanted)))
      pins.set(path, yield* pinnedReference(pins.get(path) ?? path, wanted))
    return mapNamed(resolved, (node) => ({ ...node, path: pins.get(String(node["path"]))! }))
  })
