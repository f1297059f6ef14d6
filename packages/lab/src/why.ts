/**
 * Explains why a stage must be computed: the difference between its key and that of the nearest artifact in the store.
 */
import type { Stage } from "./stage.ts"
import { shortKey } from "./store/key.ts"
import type { Manifest } from "./store/manifest.ts"
import type { StoreService } from "./store/store.ts"

/** The hashed values of a key, by path. */
const leavesOf = (value: unknown, at: ReadonlyArray<string> = [], leaves = new Map<string, string>()) => {
  if (typeof value === "object" && value !== null && Object.keys(value).length > 0)
    for (const [name, inner] of Object.entries(value)) leavesOf(inner, [...at, name], leaves)
  else leaves.set(at.join("\u0000"), JSON.stringify(value) ?? "undefined")
  return leaves
}

/** Inputs by their kind, since an index means nothing to a reader. */
const readable = ({ inputs, ...rest }: Record<string, unknown>): Record<string, unknown> => {
  const byKind: Record<string, string> = {}
  for (const { stage, key } of inputs as ReadonlyArray<{ readonly stage: string; readonly key: string }>) {
    let name = stage
    for (let n = 2; name in byKind; n++) name = `${stage} ${n}`
    byKind[name] = key
  }
  return { ...rest, inputs: byKind }
}

interface Change {
  readonly path: string
  readonly before: string | undefined
  readonly now: string | undefined
}

const changesBetween = (before: Record<string, unknown>, now: Record<string, unknown>): ReadonlyArray<Change> => {
  const [a, b] = [leavesOf(readable(before)), leavesOf(readable(now))]
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((path) => a.get(path) !== b.get(path))
    .map((path) => ({ path, before: a.get(path), now: b.get(path) }))
}

const excerpt = (value: string | undefined): string =>
  value === undefined ? "nothing" : value.length > 24 ? `${value.slice(0, 12)}...` : value.replace(/^"|"$/g, "")

/** One change in words. */
const worded = ({ path, before, now }: Change): string => {
  const [head = "", ...rest] = path.split("\u0000")
  const name = rest.join(".")
  const values = `${excerpt(before)} -> ${excerpt(now)}`
  if (head === "inputs") return `its input ${name} changed`
  if (head === "seed") return "another seed"
  if (head === "config") return rest[0] === "text" ? "the text changed" : `${name} ${values}`
  const [part = "", plugin = "", kind = "", ...file] = rest
  if (part === "revisions") return `revision of ${plugin} ${values}`
  if (part === "arithmetic") return `${plugin} ${values}`
  if (kind === "files") {
    const happened = before === undefined ? "is new" : now === undefined ? "is gone" : "changed"
    return `file ${file.join(".")} of ${plugin} ${happened}`
  }
  if (kind === "packages") return `package ${file.join(".")} of ${plugin} ${values}`
  if (kind === "onlyIn") return `${plugin} reaches outside of its files, so it is computed in each run`
  return `${name} ${values}`
}

/** The most changes in a line; it gives the number of the rest. */
const mostChanges = 2

/**
 * Why a stage has no artifact, in one line.
 *
 * @param manifests the artifacts of its kind
 */
export const whyOf = (stage: Stage, store: StoreService, manifests: ReadonlyArray<Manifest>): string => {
  const damage = store.damage(stage.kind, stage.key)
  if (damage !== undefined) return damage
  const compared = manifests
    .map((manifest) => ({
      manifest,
      changes: changesBetween(manifest.made as Record<string, unknown>, stage.made),
    }))
    .toSorted((a, b) => a.changes.length - b.changes.length || b.manifest.created.localeCompare(a.manifest.created))
  const [nearest] = compared
  if (nearest === undefined) return `the store has no ${stage.kind} yet`
  const words = [...new Set(nearest.changes.map(worded))]
  const more = words.length > mostChanges ? `, and ${words.length - mostChanges} more` : ""
  const { key, created } = nearest.manifest
  const since = `${stage.kind} ${shortKey(key)} of ${created.slice(0, 16).replace("T", " ")}`
  return `${words.slice(0, mostChanges).join(", ")}${more} (since ${since})`
}
