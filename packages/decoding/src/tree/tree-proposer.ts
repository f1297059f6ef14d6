/**
 * A draft model as a proposer of trees: one call of the draft for each level.
 *
 * The draft's cache holds the nodes that it has read, level behind level; the last level is never read. After the verdict
 * those on the accepted path become text in its cache as well.
 */
import {
  checkedOptions,
  type Decoder,
  type Decoding,
  type DistributionRows,
  type GrownTree,
  type Proposal,
  type ProposalContext,
  type Proposer,
  type ProposerSequence,
  type SequenceStart,
  type TreeGrower,
  type TreeNode,
} from "@winnow/core"
import { distributionsAfter, unseen } from "@winnow/generation"
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

class TreeSequence implements ProposerSequence {
  readonly #cache: Decoding
  #grown: GrownTree | undefined
  /** L at the last proposal. */
  #length = 0

  constructor(
    readonly draft: Decoder,
    readonly grow: TreeGrower,
    readonly start: SequenceStart,
  ) {
    this.#cache = draft.decoding()
  }

  propose({ text, room, draw }: ProposalContext): Proposal {
    const { sampling, eosId } = this.start
    const sampled = sampling.temperature > 0
    this.#length = text.length
    // Greedy choices need an order of the tokens, and confidences: the plain distribution has both.
    const rowsOf = sampled ? sampling : { temperature: 1 }
    const source = (nodes: ReadonlyArray<TreeNode>): DistributionRows => {
      if (nodes.length === 0)
        return distributionsAfter(this.draft, this.#cache, unseen(this.#cache, text, []), 1, 1, rowsOf)
      const ids = Int32Array.from(nodes, ({ token }) => token)
      const parents = Int32Array.from(nodes, ({ parent }) => parent)
      return distributionsAfter(this.draft, this.#cache, ids, 1, nodes.length, rowsOf, parents)
    }
    this.#grown = this.grow(source, { room, eosId, draw }, sampled)
    return this.#grown.proposal
  }

  accept(_accepted: number, path: ReadonlyArray<number>): void {
    const read = path.map((place) => this.#grown!.readAs[place])
    const known = read.filter((place) => place !== undefined)
    this.#cache.rollback(this.#length, Int32Array.from(known))
  }

  dispose(): void {
    this.#cache.dispose()
  }
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
    begin: (start) => new TreeSequence(draft, grow, start),
  }
}
