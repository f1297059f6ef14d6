/** A trained head as a proposer of its target. */
import { checkedProposer, type DraftHead, InvalidInput, type Proposer } from "@winnow/core"
import type { treeOption } from "./tree/shape.ts"
import { treeGrower } from "./tree/tree-proposer.ts"

/**
 * Proposes by a head with its present weights.
 *
 * @param tree the shape of its proposals; left out: chains
 * @error InvalidInput (thrown) for a head that proposes nothing, or no trees, for a tree that is none, and for a target that
 * does not decode; PluginFault for parts of another shape
 */
export const headProposer = (head: DraftHead, tree?: typeof treeOption.inferIn): Proposer => {
  const refuse = (problem: string) => new InvalidInput({ what: `head ${head.name}`, problems: [problem] })
  if (head.proposing === undefined)
    throw refuse("proposes no tokens, as it predicts something else; take a head with `proposing`, such as medusa")
  if (tree === undefined) return checkedProposer(`head ${head.name}`, head.name, head.proposing())
  if (head.trees !== true) throw refuse("proposes chains alone; leave out the tree, or take a head such as medusa")
  return checkedProposer(`head ${head.name}`, head.name, head.proposing(treeGrower(tree)))
}
