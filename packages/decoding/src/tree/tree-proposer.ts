/** A draft model as a proposer of trees: one call of the draft for each level. */
import { checkedOptions, type Decoder, type Proposer, type TreeGrower } from "@winnow/core"
import { treeSequence } from "@winnow/generation"
import { parameterCount } from "@winnow/models"
import { growBest, growFixed } from "./grow.ts"
import { fixedShape, type TreeOption, treeOption } from "./shape.ts"

/**
 * The function that grows trees of an option from any source.
 *
 * @error InvalidInput (thrown) for an option that is none
 */
export const treeGrower = (option: typeof treeOption.inferIn): TreeGrower => {
  const tree: TreeOption = checkedOptions("tree", treeOption, option)
  const shape = fixedShape(tree)
  if ("nodes" in tree) {
    const { depth = Number.POSITIVE_INFINITY } = tree
    return (source, { room, eosId }) => growBest(source, tree, { room: Math.min(room, depth), eosId })
  }
  return (source, { draw, ...context }, sampled) =>
    growFixed(source, shape!, sampled && tree.siblings === "drawn" ? { ...context, draw } : context)
}

/**
 * Proposes a tree of the draft model's continuations. Acceptance by gamma cannot be told from finished texts: only decoding
 * tells.
 *
 * @error InvalidInput (thrown) for an option that is none
 */
export const treeProposer = (draft: Decoder, option: typeof treeOption.inferIn): Proposer => {
  const { architecture } = draft
  const grow = treeGrower(option)
  return {
    name: "tree",
    parameters: parameterCount(architecture),
    vocabularySize: architecture.vocabularySize,
    maxLength: architecture.maxLength,
    begin: (start) => treeSequence(draft, grow, start),
  }
}
