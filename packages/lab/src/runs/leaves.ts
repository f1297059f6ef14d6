/** Flattens JSON into paths and values, for comparisons of configs and records. */

/** The value at the end of a path: a plain value, or an empty list or object. */
export type Leaf = string | number | boolean | null | readonly [] | Readonly<Record<string, never>>

type Node = Readonly<Record<string, unknown>>

const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null && !Array.isArray(value)

/** A plugin as configs store it: its options stand beside its name, as `--set` writes them. */
const isPlugin = (value: Node): value is { readonly name: string; readonly options: Node } =>
  Object.keys(value).length === 2 && typeof value["name"] === "string" && isNode(value["options"])

/** Fields that identify the members of a list, in the order of trial. */
const labels = ["name", "seed", "gamma", "position", "label", "learningRate"]

/**
 * Names list members by a field whose value is unique in the list, so that inserting one does not rename the others. Falls back
 * to the index.
 */
const namesOf = (list: ReadonlyArray<unknown>): ReadonlyArray<string> => {
  const candidates = [...labels.map((label) => [label]), ["a", "b", "measure"]].map((fields) =>
    list.map((member) =>
      fields.map((field) => (isNode(member) && Object.hasOwn(member, field) ? member[field] : undefined)),
    ),
  )
  const isName = (value: unknown) => typeof value === "string" || typeof value === "number"
  const names = candidates
    .filter((each) => each.every((values) => values.every(isName)))
    .map((each) => each.map((values) => values.join(", ")))
    .find((each) => new Set(each).size === each.length)
  return names ?? list.map((_, i) => String(i))
}

/**
 * Every value of a JSON document by its path, in the document's order: `arms.adaspec.filter.k`,
 * `rows[all].seeds[1].tau`.
 *
 * @param options.wholeLists a list of plain values is one leaf, its JSON: a setting such as `seeds` changes as a whole
 */
export const leavesOf = (
  document: unknown,
  options: { readonly wholeLists?: boolean } = {},
): ReadonlyMap<string, Leaf> => {
  const leaves = new Map<string, Leaf>()
  const inside = (path: string, key: string) => (path === "" ? key : `${path}.${key}`)
  const visit = (path: string, value: unknown): void => {
    if (Array.isArray(value)) {
      const plain = value.every((member) => typeof member !== "object" || member === null)
      if (options.wholeLists === true && plain) leaves.set(path, JSON.stringify(value))
      else if (value.length === 0) leaves.set(path, [])
      else for (const [i, name] of namesOf(value).entries()) visit(`${path}[${name}]`, value[i])
    } else if (!isNode(value)) {
      if (value !== undefined) leaves.set(path, value as Leaf)
    } else if (isPlugin(value)) {
      leaves.set(path, value.name)
      for (const [key, inner] of Object.entries(value.options)) visit(inside(path, key), inner)
    } else {
      const entries = Object.entries(value)
      if (entries.length === 0 && path !== "") leaves.set(path, {})
      for (const [key, inner] of entries) visit(inside(path, key), inner)
    }
  }
  visit("", document)
  return leaves
}

/** A path whose values differ; undefined on the side without the path. */
export interface Changed {
  readonly path: string
  readonly a: Leaf | undefined
  readonly b: Leaf | undefined
}

/** Formats a leaf; "-" for a missing one. */
export const writeLeaf = (leaf: Leaf | undefined): string =>
  leaf === undefined ? "-" : typeof leaf === "string" ? leaf : JSON.stringify(leaf)

/** True if two leaves are the same value: numbers to the last digit. */
export const sameLeaf = (a: Leaf | undefined, b: Leaf | undefined): boolean =>
  Object.is(a, b) || (typeof a === "object" && typeof b === "object" && JSON.stringify(a) === JSON.stringify(b))

/** The paths of either document whose values differ, in A's order, then those that only B has. */
export const changedLeaves = (
  a: unknown,
  b: unknown,
  options: { readonly wholeLists?: boolean } = {},
): ReadonlyArray<Changed> => {
  const [ofA, ofB] = [leavesOf(a, options), leavesOf(b, options)]
  return [...new Set([...ofA.keys(), ...ofB.keys()])]
    .map((path) => ({ path, a: ofA.get(path), b: ofB.get(path) }))
    .filter((change) => !sameLeaf(change.a, change.b))
}
