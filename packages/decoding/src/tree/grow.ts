/**
 * The growth of a tree, level by level, from any source of distributions: a draft model, or heads on the target.
 *
 * Letters: V vocabulary.
 */
import type { DistributionRows, GrownTree, Probable, TreeContext, TreeSource } from "@winnow/core"
import { without } from "../block.ts"
import { mostProbable } from "./most-probable.ts"
import type { ShapeNode } from "./shape.ts"

const bestOf = (rows: DistributionRows, r: number, count: number): ReadonlyArray<Probable> =>
  rows.best?.(r, count) ?? mostProbable(rows.at(r)!, count)

/** A token of the tree that is followed by others. */
interface Frontier {
  readonly place: number
  readonly shape: ShapeNode
}

/**
 * A tree of a fixed shape. Siblings are drawn without replacement, each q the distribution given the earlier ones; or they
 * are the most probable tokens. Where fewer tokens have mass there are fewer siblings.
 */
export const growFixed = (source: TreeSource, shape: ShapeNode, { room, eosId, draw }: TreeContext): GrownTree => {
  const [tokens, parents, q]: [Array<number>, Array<number>, Array<Float64Array>] = [[], [], []]
  const readAs: Array<number | undefined> = []
  let read = 0
  const add = (place: number, token: number, child: ShapeNode, next: Array<Frontier>): void => {
    tokens.push(token)
    parents.push(place)
    readAs.push(undefined)
    if (token !== eosId && child.children.length > 0) next.push({ place: tokens.length - 1, shape: child })
  }
  let level: ReadonlyArray<Frontier> = [{ place: -1, shape }]
  for (let depth = 0; depth < room && level.length > 0; depth++) {
    const rows = source(
      depth === 0 ? [] : level.map(({ place }) => ({ token: tokens[place]!, parent: readAs[parents[place]!] ?? -1 })),
    )
    if (depth > 0) for (const { place } of level) readAs[place] = read++
    const next: Array<Frontier> = []
    for (const [r, { place, shape: of }] of level.entries()) {
      if (draw === undefined) {
        const best = bestOf(rows, r, of.children.length)
        for (const [i, { id }] of best.entries()) add(place, id, of.children[i]!, next)
        continue
      }
      let left_V: Float64Array | null = rows.at(r)!
      for (const child of of.children) {
        const token = draw(left_V)
        q.push(left_V)
        add(place, token, child, next)
        left_V = without(left_V, token)
        if (left_V === null) break
      }
    }
    level = next
  }
  return { proposal: { tokens, parents, q: draw === undefined ? "certain" : q }, readAs }
}

/** A token that may be in the tree. */
interface Candidate {
  readonly token: number
  /** Its parent among the candidates, -1 for the text. */
  readonly parent: number
  /** Product of the probabilities along its path. */
  readonly confidence: number
}

/** Indices of candidates in falling confidence; of equal ones the earlier first, so that a parent is before its child. */
const ranked = (candidates: ReadonlyArray<Candidate>, of: ReadonlyArray<number>): ReadonlyArray<number> =>
  of.toSorted((a, b) => candidates[b]!.confidence - candidates[a]!.confidence || a - b)

/**
 * The `nodes` tokens with the most probable paths, by the source. A level follows up the `width` best tokens of the last one
 * by `width` each, as long as their paths are among the best `nodes` so far: no other can bring a token into the tree.
 *
 * The tokens are certain: which ones are in the tree depends on the tokens themselves, and such ones cannot be drawn.
 *
 * @source Li et al. 2406.16858 (EAGLE-2), section 4; the end of growth is own, and leaves the tree as it is
 */
export const growBest = (
  source: TreeSource,
  { nodes, width }: { readonly nodes: number; readonly width: number },
  { room, eosId }: Omit<TreeContext, "draw">,
): GrownTree => {
  const candidates: Array<Candidate> = []
  const readAt = new Map<number, number>()
  let level: ReadonlyArray<number> = [-1]
  for (let depth = 0; depth < room && level.length > 0; depth++) {
    const rows = source(
      depth === 0
        ? []
        : level.map((c) => ({ token: candidates[c]!.token, parent: readAt.get(candidates[c]!.parent) ?? -1 })),
    )
    if (depth > 0) for (const c of level) readAt.set(c, readAt.size)
    const fresh: Array<number> = []
    for (const [r, parent] of level.entries())
      for (const { id, p } of bestOf(rows, r, width)) {
        const confidence = p * (candidates[parent]?.confidence ?? 1)
        fresh.push(candidates.push({ token: id, parent, confidence }) - 1)
      }
    const best = ranked(candidates, [...candidates.keys()]).slice(0, nodes)
    const among = new Set(best)
    level = ranked(
      candidates,
      fresh.filter((c) => among.has(c) && candidates[c]!.token !== eosId && (best.length < nodes || c !== best.at(-1))),
    ).slice(0, width)
  }
  const kept = ranked(candidates, [...candidates.keys()])
    .slice(0, nodes)
    .toSorted((a, b) => a - b)
  const places = new Map(kept.map((c, place) => [c, place]))
  const tokens = kept.map((c) => candidates[c]!.token)
  const parents = kept.map((c) => places.get(candidates[c]!.parent) ?? -1)
  return { proposal: { tokens, parents, q: "certain" }, readAs: kept.map((c) => readAt.get(c)) }
}
