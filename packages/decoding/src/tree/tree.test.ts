/** Shapes of trees, and the growth of a tree against a slow version; `lossless/` shows that texts stay the target's. */
import { describe, expect, test } from "bun:test"
import type { TreeNode } from "@winnow/core"
import { type Rng, seeded } from "@winnow/numerics"
import { depthOf } from "../block.ts"
import { growBest, growFixed } from "./grow.ts"
import { mostProbable } from "./most-probable.ts"
import { depthOfShape, fixedShape, nodesOf, type ShapeNode, treeName, treeOption } from "./shape.ts"
import { treeGrower } from "./tree-proposer.ts"

const distribution = (rng: Rng, V: number): Float64Array => {
  const weight = Float64Array.from({ length: V }, () => (rng.uniform() < 0.2 ? 0 : Math.round(8 * rng.uniform()) + 1))
  weight[rng.below(V)] = 5
  const sum = weight.reduce((a, b) => a + b, 0)
  return weight.map((w) => w / sum)
}

/** A source whose distributions depend on the path alone; it notes its calls. */
const sourceOf = (V: number, seed: number) => {
  const read: Array<TreeNode> = []
  const calls: Array<number> = []
  const pathOf = (node: number): ReadonlyArray<number> =>
    node < 0 ? [] : [...pathOf(read[node]!.parent), read[node]!.token]
  const after = (path: ReadonlyArray<number>) => distribution(seeded(seed, path.join()), V)
  const source = (nodes: ReadonlyArray<TreeNode>) => {
    calls.push(nodes.length)
    const from = read.length
    read.push(...nodes)
    return { at: (r: number) => after(nodes.length === 0 ? [] : pathOf(from + r)) }
  }
  return { source, read, calls, after }
}

describe("shapes", () => {
  test("levels and paths say the same tree", () => {
    const count = ({ children }: ShapeNode): number => children.reduce((sum, child) => sum + 1 + count(child), 0)
    const [levels, paths] = [
      treeOption.assert({ widths: [2, 1] }),
      treeOption.assert({ paths: [[1, 0], [0], [1], [0, 0]] }),
    ]
    expect(fixedShape(levels)).toEqual(fixedShape(paths)!)
    for (const tree of [levels, paths]) {
      expect([depthOfShape(tree), nodesOf(tree), count(fixedShape(tree)!)]).toEqual([2, 4, 4])
      expect("siblings" in tree && tree.siblings).toBe("drawn")
    }
    const best = treeOption.assert({ nodes: 9 })
    expect([depthOfShape(best), fixedShape(best), nodesOf(best)]).toEqual([undefined, undefined, 9])
    const deep = { nodes: 9, depth: 2 }
    expect(depthOfShape(treeOption.assert(deep))).toBe(2)
    const { proposal } = treeGrower(deep)(sourceOf(6, 1).source, { room: 5, eosId: undefined }, true)
    expect(depthOf(proposal)).toBe(2)
    expect([levels, paths, best].map(treeName)).toEqual(["2x1", "4 paths", "best 9"])
  })

  test.each([
    [{ widths: [] }, "widths"],
    [{ widths: [0] }, "widths"],
    [{ widths: [8, 8, 8] }, "at most 512 tokens (not 584)"],
    [{ paths: [[0], [0]] }, "distinct paths"],
    [{ paths: [[0], [0, 0, 0]] }, "the path [0,0,0] needs the path [0,0]"],
    [{ paths: [[1]] }, "the path [1] needs the path [0]"],
    [{ nodes: 0 }, "nodes"],
    [{ nodes: 600 }, "nodes"],
    [{ nodes: 4, widths: [2] }, "removed"],
    ["wide", "object"],
  ])("%p is refused with the reason", (option, reason) => {
    expect(() => treeGrower(option as { nodes: number })).toThrow(reason)
  })
})

test("the most probable ids are those of a sort, without ids that have no mass", () => {
  const rng = seeded(1, "most probable")
  for (let i = 0; i < 300; i++) {
    const p_V = distribution(rng, 1 + rng.below(30))
    const count = 1 + rng.below(8)
    const sorted = [...p_V.keys()].filter((v) => p_V[v]! > 0).sort((a, b) => p_V[b]! - p_V[a]! || a - b)
    expect(mostProbable(p_V, count)).toEqual(sorted.slice(0, count).map((id) => ({ id, p: p_V[id]! })))
  }
})

test("a fixed shape: best siblings in their order, levels cut at the room, nothing after an end token", () => {
  for (const room of [1, 2, 5]) {
    const { source, read, calls, after } = sourceOf(6, 1)
    const shape = fixedShape(treeOption.assert({ widths: [3, 2, 1] }))!
    const { proposal, readAs } = growFixed(source, shape, { room, eosId: 2 })
    const { tokens, parents, q } = proposal
    expect(q).toBe("certain")
    const along = (place: number): ReadonlyArray<number> =>
      place < 0 ? [] : [...along(parents![place]!), tokens[place]!]
    const depths = tokens.map((_, place) => along(place).length)
    expect(Math.max(...depths)).toBe(Math.min(room, 3))
    expect(calls.length).toBe(Math.min(room, 3))
    for (const place of [-1, ...tokens.keys()]) {
      const children = tokens.filter((_, i) => parents![i] === place)
      const ends = along(place).length === Math.min(room, 3) || along(place).at(-1) === 2
      const best = mostProbable(after(along(place)), [3, 2, 1][along(place).length] ?? 1)
      expect(children).toEqual(ends ? [] : best.map(({ id }) => id))
    }
    for (const [place, as] of readAs.entries()) if (as !== undefined) expect(read[as]!.token).toBe(tokens[place]!)
  }
})

test("drawn siblings: each from the distribution without the earlier ones, fewer where no mass is left", () => {
  const { source } = sourceOf(4, 2)
  const shape = fixedShape(treeOption.assert({ widths: [4, 2] }))!
  const rng = seeded(1, "draws")
  const drawn: Array<Float64Array> = []
  const draw = (q_V: Float64Array) => {
    drawn.push(q_V)
    const ids = [...q_V.keys()].filter((v) => q_V[v]! > 0)
    return ids[rng.below(ids.length)]!
  }
  const { proposal } = growFixed(source, shape, { room: 2, eosId: undefined, draw })
  expect(proposal.q).toEqual(drawn)
  for (const [i, q_V] of drawn.entries()) {
    expect(q_V.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12)
    const earlier = proposal.tokens.filter((_, j) => j < i && proposal.parents![j] === proposal.parents![i])
    expect(earlier.every((token) => q_V[token] === 0)).toBe(true)
    expect(q_V[proposal.tokens[i]!]).toBeGreaterThan(0)
  }
})

/** EAGLE-2 as it is written: all levels grow by the best of the last one, then the best tokens of all are kept. */
const slowBest = (after: ReturnType<typeof sourceOf>["after"], V: number, n: number, width: number, room: number) => {
  const all: Array<{ readonly path: ReadonlyArray<number>; readonly confidence: number; readonly at: number }> = []
  let level: ReadonlyArray<(typeof all)[number]> = [{ path: [], confidence: 1, at: -1 }]
  for (let depth = 0; depth < room; depth++) {
    const fresh = level.flatMap(({ path, confidence }) =>
      mostProbable(after(path), width).map(({ id, p }) => {
        all.push({ path: [...path, id], confidence: p * confidence, at: all.length })
        return all.at(-1)!
      }),
    )
    level = fresh
      .filter(({ path }) => path.at(-1) !== V - 1)
      .sort((a, b) => b.confidence - a.confidence || a.at - b.at)
      .slice(0, width)
  }
  return all
    .toSorted((a, b) => b.confidence - a.confidence || a.at - b.at)
    .slice(0, n)
    .map(({ path }) => path.join())
    .sort()
}

test("the best tokens are those of full growth, by fewer nodes read", () => {
  let [readAll, read] = [0, 0]
  for (let seed = 0; seed < 200; seed++) {
    const rng = seeded(seed, "best")
    const [V, nodes, width, room] = [3 + rng.below(8), 1 + rng.below(20), 1 + rng.below(4), 1 + rng.below(5)]
    const { source, after, read: nodesRead } = sourceOf(V, seed)
    const { proposal, readAs } = growBest(source, { nodes, width }, { room, eosId: V - 1 })
    const { tokens, parents } = proposal
    const along = (place: number): ReadonlyArray<number> =>
      place < 0 ? [] : [...along(parents![place]!), tokens[place]!]
    expect(parents!.every((parent, place) => parent < place)).toBe(true)
    expect(tokens.map((_, place) => along(place).join()).sort()).toEqual(slowBest(after, V, nodes, width, room))
    for (const [place, as] of readAs.entries()) {
      if (as === undefined) continue
      expect(nodesRead[as]!.token).toBe(tokens[place]!)
      const parent = nodesRead[as]!.parent
      expect(parent < 0 ? -1 : readAs.indexOf(parent)).toBe(parents![place]!)
    }
    readAll += (room - 1) * width
    read += nodesRead.length
  }
  expect(read).toBeLessThan(0.8 * readAll)
})
