/** The shape of a tree of proposals: fixed, or chosen block by block from the proposer's probabilities. */
import { type } from "arktype"

/** Most tokens of a tree: the target's call has a row for each. */
export const MOST_NODES = 512

const width = "1 <= number.integer <= 64"

/**
 * How siblings of a fixed shape are found at a temperature above 0: "drawn" without replacement, or "best": the most
 * probable ones, which are certain. At temperature 0 they are the best in either case.
 */
const siblings = "'drawn' | 'best' = 'drawn'"

/** A shape of levels: each token of a level is followed by so many. */
const levels = type({ "+": "reject", widths: type(width).array().atLeastLength(1).atMostLength(64), siblings })

/**
 * A shape of paths, as Medusa writes them: a path lists the rank among its siblings, from 0, of each of its tokens, and names
 * its last token. [[0], [1], [0, 0]] is two tokens, the first of them followed by one.
 */
const listed = type({ "+": "reject", paths: type("(number.integer >= 0)[] >= 1").array().atLeastLength(1), siblings })

/**
 * The `nodes` tokens whose paths the proposer takes for the most probable; at each level `width` are followed by `width`.
 * `depth` levels at most; left out: as many as the block has room for.
 */
const dynamic = type({
  "+": "reject",
  nodes: `1 <= number.integer <= ${MOST_NODES}`,
  width: `${width} = 4`,
  "depth?": "1 <= number.integer <= 64",
})

/** The option of a tree, each form checked by its own rules. */
export const treeOption = levels
  .narrow(({ widths }, ctx) => fits(nodesOfLevels(widths), ctx))
  .or(listed.narrow(({ paths }, ctx) => wholeTree(paths, ctx) && fits(paths.length, ctx)))
  .or(dynamic)

export type TreeOption = typeof treeOption.infer

type Must = { readonly mustBe: (expected: string) => false }

const fits = (nodes: number, ctx: Must): boolean =>
  nodes <= MOST_NODES || ctx.mustBe(`a tree of at most ${MOST_NODES} tokens (not ${nodes})`)

const nodesOfLevels = (widths: ReadonlyArray<number>): number => {
  let [nodes, level] = [0, 1]
  for (const width of widths) nodes += level *= width
  return nodes
}

/** True if the paths are distinct, and with each path there are the path to its parent and those of its earlier siblings. */
const wholeTree = (paths: ReadonlyArray<ReadonlyArray<number>>, ctx: Must): boolean => {
  const named = new Set(paths.map(String))
  if (named.size < paths.length) return ctx.mustBe("a list of distinct paths")
  for (const path of paths) {
    const needed = path.at(-1)! > 0 ? path.with(-1, path.at(-1)! - 1) : path.slice(0, -1)
    if (needed.length > 0 && !named.has(String(needed)))
      return ctx.mustBe(`a tree: the path [${path}] needs the path [${needed}]`)
  }
  return true
}

/** A token of a fixed shape, by the tokens that follow it in their order. */
export interface ShapeNode {
  readonly children: ReadonlyArray<ShapeNode>
}

/** The fixed shape of an option, as the text's node; undefined for a dynamic one. */
export const fixedShape = (option: TreeOption): ShapeNode | undefined => {
  if ("nodes" in option) return undefined
  if ("widths" in option) {
    let node: ShapeNode = { children: [] }
    for (const width of option.widths.toReversed()) node = { children: new Array<ShapeNode>(width).fill(node) }
    return node
  }
  const grow = (at: ReadonlyArray<number>): ShapeNode => ({
    children: option.paths
      .filter((path) => path.length === at.length + 1 && at.every((rank, i) => rank === path[i]))
      .sort((a, b) => a.at(-1)! - b.at(-1)!)
      .map(grow),
  })
  return grow([])
}

/** Tokens of the longest path; undefined for a dynamic shape without a depth, which fills the room. */
export const depthOfShape = (option: TreeOption): number | undefined => {
  if ("nodes" in option) return option.depth
  const depth = ({ children }: ShapeNode): number => Math.max(0, ...children.map((child) => 1 + depth(child)))
  return depth(fixedShape(option)!)
}

/** Most tokens of a block. */
export const nodesOf = (option: TreeOption): number =>
  "nodes" in option ? option.nodes : "paths" in option ? option.paths.length : nodesOfLevels(option.widths)

/** The option as a name in tables: `4x2x1`, `63 paths`, `best 16`. */
export const treeName = (option: TreeOption): string =>
  "nodes" in option
    ? `best ${option.nodes}`
    : "paths" in option
      ? `${option.paths.length} paths`
      : option.widths.join("x")
