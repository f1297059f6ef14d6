/**
 * The head in decoding: a model of the target's first layers, with its variables and a cache of its own. With a matrix
 * after the norm, a circuit turns each hidden state.
 *
 * Letters: L tokens of the text, E layers, D hidden size of the target, r rank.
 */
import type {
  Architecture,
  Decoder,
  Decoding,
  GrownTree,
  HeadValues,
  Parameters,
  Proposal,
  ProposalContext,
  ProposerParts,
  ProposerSequence,
  SequenceStart,
  TreeGrower,
  TreeSource,
} from "@winnow/core"
import { modelSequence, readPath, treeSequence, unseen } from "@winnow/generation"
import { distributionAt, nextAfter, type ProposedToken, proposalOf } from "@winnow/heads"
import {
  architectureOfLayers,
  type Circuit,
  type CircuitDecoding,
  parameterCount,
  sharedLayers,
  startCircuit,
  targetWeights,
} from "@winnow/models"
import { tf } from "@winnow/tensor"

/** Names of the matrix of low rank. */
export const adapter = { down: "adapter.down.weight", up: "adapter.up.weight" } as const

const [state, low, turned] = ["state", "low", "turned"]

/** h + (h A^T) B^T. */
const adapterCircuit = (D: number): Circuit => ({
  inputs: new Map([[state, D]]),
  instructions: [
    { op: "concat", from: [state], to: turned },
    { op: "linear", from: state, to: low, of: [{ weight: adapter.down }] },
    { op: "linear", from: low, to: turned, of: [{ weight: adapter.up }], add: true },
  ],
  outputs: [turned],
})

/** The hidden states after the last `rows` of the next tokens, [rows, D]; `parents` of those that are nodes of a tree. */
const statesAfter = (cache: Decoding, ids: Int32Array, rows = 1, parents?: Int32Array): Float32Array => {
  let h: Float32Array | undefined
  tf.tidy(() => {
    const h_1TD = cache.extend(tf.tensor2d(ids, [1, ids.length], "int32"), parents)
    h = tf.slice(h_1TD, [0, ids.length - rows, 0], [1, rows, -1]).dataSync() as Float32Array
  })
  return h!
}

class TurnedSequence implements ProposerSequence {
  readonly #cache: Decoding
  readonly #circuit: CircuitDecoding
  /** L at the last proposal. */
  #length = 0
  /** The last proposal that is a tree. */
  #grown: GrownTree | undefined

  constructor(
    first: Decoder,
    D: number,
    values: HeadValues,
    readonly start: SequenceStart,
    readonly grow: TreeGrower | undefined,
  ) {
    this.#cache = first.decoding()
    this.#circuit = startCircuit(adapterCircuit(D), values)
  }

  readonly propose: ProposerSequence["propose"] = (context) =>
    this.grow === undefined ? this.#chain(context) : this.#tree(context, this.grow)

  #tree({ text, room, draw }: ProposalContext, grow: TreeGrower): Proposal {
    const { sampling, eosId } = this.start
    const sampled = sampling.temperature > 0
    // Greedy choices need an order of the tokens, and confidences: the plain distribution has both.
    const rowsOf = sampled ? sampling : { temperature: 1 }
    this.#length = text.length
    const source: TreeSource = (nodes) => {
      const rows = Math.max(1, nodes.length)
      const states =
        nodes.length === 0
          ? statesAfter(this.#cache, unseen(this.#cache, text, []))
          : statesAfter(
              this.#cache,
              Int32Array.from(nodes, ({ token }) => token),
              rows,
              Int32Array.from(nodes, ({ parent }) => parent),
            )
      this.#circuit.extend({ inputs: new Map([[state, states]]) })
      const logits = this.#circuit.logits(turned, targetWeights.head, rows)
      return { at: (r) => distributionAt(logits, r, rowsOf) }
    }
    this.#grown = grow(source, { room, eosId, draw }, sampled)
    return this.#grown.proposal
  }

  #chain({ text, room, draw }: ProposalContext): Proposal {
    const { sampling, eosId } = this.start
    const chosen: Array<ProposedToken> = []
    this.#length = text.length
    do {
      const fresh = unseen(
        this.#cache,
        text,
        chosen.map(({ id }) => id),
      )
      this.#circuit.extend({ inputs: new Map([[state, statesAfter(this.#cache, fresh)]]) })
      chosen.push(nextAfter(this.#circuit, turned, targetWeights.head, sampling, draw))
    } while (chosen.length < room && chosen.at(-1)!.id !== eosId)
    return proposalOf(chosen)
  }

  readonly accept = (accepted: number, path: ReadonlyArray<number>): void => {
    if (this.#grown === undefined) this.#cache.rollback(Math.min(this.#cache.length, this.#length + accepted))
    else this.#cache.rollback(this.#length, readPath(this.#grown, path))
  }

  readonly dispose = (): void => {
    this.#cache.dispose()
    this.#circuit.dispose()
  }
}

/**
 * The proposer of a head.
 *
 * @param of.own parameters in the place of the target's final norm, by its names
 * @param of.rank 0: no matrix after the norm
 * @param grow grows its proposals as trees
 */
export const exitProposing = (
  {
    layers,
    rank,
    own,
  }: { readonly layers: number; readonly rank: number; readonly own: (values: Parameters) => Parameters },
  values: HeadValues,
  grow?: TreeGrower,
): ProposerParts => {
  const { target, parameters } = values
  const architecture: Architecture = architectureOfLayers(target.architecture, [...Array(layers).keys()])
  // Made for each text: a weight may be in another form by then.
  const first = () => sharedLayers(target, architecture, own(parameters))
  const D = target.architecture.hiddenSize
  return {
    // It reads no state; like every head it proposes after the target's first call, so that all are measured alike.
    reads: { layers: ["last"], positions: "last" },
    parameters: parameterCount(architecture) + 2 * rank * D,
    vocabularySize: architecture.vocabularySize,
    maxLength: architecture.maxLength,
    begin: (start) => {
      if (rank > 0) return new TurnedSequence(first(), D, values, start, grow)
      return grow === undefined ? modelSequence(first(), start) : treeSequence(first(), grow, start)
    },
  }
}
