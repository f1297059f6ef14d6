/**
 * A model's own continuation as a tree: one call for each level.
 *
 * The model's cache holds the nodes that it has read, level behind level; the last level is never read. After the verdict
 * those on the accepted path become text in its cache as well.
 *
 * Letters: L tokens of the text so far.
 */
import type {
  Decoder,
  Decoding,
  DistributionRows,
  GrownTree,
  Proposal,
  ProposalContext,
  ProposerSequence,
  SequenceStart,
  TreeGrower,
  TreeNode,
} from "@winnow/core"
import { unseen } from "./model-sequence.ts"
import { distributionsAfter } from "./what-follows.ts"

class TreeSequence implements ProposerSequence {
  readonly #cache: Decoding
  #grown: GrownTree | undefined
  /** L at the last proposal. */
  #length = 0

  constructor(
    readonly model: Decoder,
    readonly grow: TreeGrower,
    readonly start: SequenceStart,
  ) {
    this.#cache = model.decoding()
  }

  propose({ text, room, draw }: ProposalContext): Proposal {
    const { sampling, eosId } = this.start
    const sampled = sampling.temperature > 0
    this.#length = text.length
    // Greedy choices need an order of the tokens, and confidences: the plain distribution has both.
    const rowsOf = sampled ? sampling : { temperature: 1 }
    const source = (nodes: ReadonlyArray<TreeNode>): DistributionRows => {
      if (nodes.length === 0)
        return distributionsAfter(this.model, this.#cache, unseen(this.#cache, text, []), 1, 1, rowsOf)
      const ids = Int32Array.from(nodes, ({ token }) => token)
      const parents = Int32Array.from(nodes, ({ parent }) => parent)
      return distributionsAfter(this.model, this.#cache, ids, 1, nodes.length, rowsOf, parents)
    }
    this.#grown = this.grow(source, { room, eosId, draw }, sampled)
    return this.#grown.proposal
  }

  accept(_accepted: number, path: ReadonlyArray<number>): void {
    this.#cache.rollback(this.#length, readPath(this.#grown!, path))
  }

  dispose(): void {
    this.#cache.dispose()
  }
}

/** The nodes of an accepted path that were read, as places among the nodes read. */
export const readPath = ({ readAs }: GrownTree, path: ReadonlyArray<number>): Int32Array =>
  Int32Array.from(path.map((place) => readAs[place]).filter((place) => place !== undefined))

/** Trees of the model's own continuations, as a text's state of a proposer. */
export const treeSequence = (model: Decoder, grow: TreeGrower, start: SequenceStart): ProposerSequence =>
  new TreeSequence(model, grow, start)
