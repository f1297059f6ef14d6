/**
 * A tree of positions behind a text, in the cache of one sequence: nodes lie one behind the other as they were read, and
 * each attends to the text and to its own path.
 *
 * Letters: T new positions, P cached positions, S = P + T.
 */

import type { CachedTree } from "@winnow/core"

/**
 * The tree after T new tokens, the last of which are nodes.
 *
 * @param tree the open one, if any
 * @param parents the node that each new node follows, counted from the first of the tree; left out: the tokens are text
 * @param alone one sequence without padding
 * @error for more sequences or padding, for text behind an open tree, and for a node that follows none before it
 */
export const grownTree = (
  tree: CachedTree | undefined,
  parents: ArrayLike<number> | undefined,
  alone: boolean,
  T: number,
  P: number,
): CachedTree | undefined => {
  if (parents === undefined || parents.length === 0) {
    if (tree !== undefined)
      throw new Error(`${T} tokens of text behind a tree of ${tree.parents.length} nodes: roll back to a path first`)
    return undefined
  }
  const n = parents.length
  if (!alone) throw new Error("a tree of several sequences, or behind padding: decode one sequence without padding")
  if (n > T || (tree !== undefined && n < T))
    throw new Error(`${n} nodes among ${T} tokens: an open tree is followed by nodes alone, a text by 0 to ${T}`)
  const grown = { parents: [...(tree?.parents ?? [])], depths: [...(tree?.depths ?? [])] }
  for (let i = 0; i < n; i++) {
    const [at, parent] = [grown.parents.length, parents[i]!]
    if (!(Number.isInteger(parent) && parent >= -1 && parent < at))
      throw new Error(`node ${at} of a tree follows node ${parent}, expected -1 for the text, or 0 to ${at - 1}`)
    grown.parents.push(parent)
    grown.depths.push(parent < 0 ? 0 : grown.depths[parent]! + 1)
  }
  return { base: tree?.base ?? P + T - n, ...grown }
}

/**
 * Checks a path that becomes text.
 *
 * @param length of the text before it
 * @error for a path without a tree, behind another text than the tree, or whose nodes do not follow each other; for a
 *   length within a tree
 */
export const refusePath = (tree: CachedTree | undefined, length: number, path: ArrayLike<number>): void => {
  if (tree !== undefined && length > tree.base)
    throw new Error(`cannot roll back to length ${length}, within a tree behind ${tree.base} positions: name its path`)
  if (path.length === 0) return
  if (tree?.base !== length)
    throw new Error(
      `cannot keep a path of ${path.length} nodes behind ${length} positions: ${tree ? `the tree is behind ${tree.base}` : "no tree is open"}`,
    )
  for (let i = 0; i < path.length; i++) {
    const expected = i === 0 ? -1 : path[i - 1]!
    if (tree.parents[path[i]!] !== expected)
      throw new Error(
        `cannot keep the path ${Array.from(path).join(" ")}: node ${path[i]} follows ${tree.parents[path[i]!]}`,
      )
  }
}

/** The position of a slot of the cache: its number, or in a tree the base and the depth. */
export const positionOf = (tree: CachedTree | undefined, slot: number): number =>
  tree === undefined || slot < tree.base ? slot : tree.base + tree.depths[slot - tree.base]!

/** Positions that a cache of S slots needs: S, or fewer with a tree. */
export const positionsNeeded = (tree: CachedTree | undefined, S: number): number =>
  tree === undefined ? S : tree.base + Math.max(...tree.depths) + 1

/** Positions of T new slots behind P, row-major. */
export const treePositions = (tree: CachedTree, P: number, T: number): Int32Array =>
  Int32Array.from({ length: T }, (_, t) => positionOf(tree, P + t))

/**
 * For T new slots behind P, each row of S entries: 1 where the slot reads the other, else 0.
 *
 * @param window positions that a position reads, its own included
 */
export const treeReach = (tree: CachedTree, P: number, T: number, window = Number.POSITIVE_INFINITY): Uint8Array => {
  const S = P + T
  const reach_TS = new Uint8Array(T * S)
  for (let t = 0; t < T; t++) {
    const slot = P + t
    const first = Math.max(0, positionOf(tree, slot) - window + 1)
    reach_TS.fill(1, t * S + Math.min(first, tree.base), t * S + Math.min(slot + 1, tree.base))
    for (let i = slot - tree.base; i >= 0; i = tree.parents[i]!)
      if (positionOf(tree, tree.base + i) >= first) reach_TS[t * S + tree.base + i] = 1
  }
  return reach_TS
}
