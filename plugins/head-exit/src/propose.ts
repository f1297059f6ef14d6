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
  HeadValues,
  Parameters,
  ProposerParts,
  ProposerSequence,
  SequenceStart,
} from "@winnow/core"
import { modelSequence, unseen } from "@winnow/generation"
import { nextAfter, type ProposedToken, proposalOf } from "@winnow/heads"
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

/** The last hidden state after the next tokens, [D]. */
const stateAfter = (cache: Decoding, ids: Int32Array): Float32Array => {
  let h: Float32Array | undefined
  tf.tidy(() => {
    const h_1TD = cache.extend(tf.tensor2d(ids, [1, ids.length], "int32"))
    h = tf.slice(h_1TD, [0, ids.length - 1, 0], [1, 1, -1]).dataSync() as Float32Array
  })
  return h!
}

class TurnedSequence implements ProposerSequence {
  readonly #cache: Decoding
  readonly #circuit: CircuitDecoding
  /** L at the last proposal. */
  #length = 0

  constructor(
    first: Decoder,
    D: number,
    values: HeadValues,
    readonly start: SequenceStart,
  ) {
    this.#cache = first.decoding()
    this.#circuit = startCircuit(adapterCircuit(D), values)
  }

  readonly propose: ProposerSequence["propose"] = ({ text, room, draw }) => {
    const { sampling, eosId } = this.start
    const chosen: Array<ProposedToken> = []
    this.#length = text.length
    do {
      const fresh = unseen(
        this.#cache,
        text,
        chosen.map(({ id }) => id),
      )
      this.#circuit.extend({ inputs: new Map([[state, stateAfter(this.#cache, fresh)]]) })
      chosen.push(nextAfter(this.#circuit, turned, targetWeights.head, sampling, draw))
    } while (chosen.length < room && chosen.at(-1)!.id !== eosId)
    return proposalOf(chosen)
  }

  readonly accept = (accepted: number): void => {
    this.#cache.rollback(Math.min(this.#cache.length, this.#length + accepted))
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
 */
export const exitProposing = (
  {
    layers,
    rank,
    own,
  }: { readonly layers: number; readonly rank: number; readonly own: (values: Parameters) => Parameters },
  values: HeadValues,
): ProposerParts => {
  const { target, parameters } = values
  const architecture: Architecture = architectureOfLayers(target.architecture, [...Array(layers).keys()])
  // Made for each text: a weight may be in another form by then.
  const first = () => sharedLayers(target, architecture, own(parameters))
  const D = target.architecture.hiddenSize
  return {
    parameters: parameterCount(architecture) + 2 * rank * D,
    vocabularySize: architecture.vocabularySize,
    maxLength: architecture.maxLength,
    begin: (start) => (rank === 0 ? modelSequence(first(), start) : new TurnedSequence(first(), D, values, start)),
  }
}
