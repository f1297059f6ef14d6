/**
 * Heads whose k-th cell predicts the token k after next from one hidden state of the target: Medusa's, and those that read
 * the tokens between as well. Each cell is a circuit: its training rows and its proposals follow from it.
 *
 * Letters: K cells, M rows of a cell, V vocabulary, D hidden size of the target.
 */
import {
  type HeadArchitecture,
  type HeadParameter,
  type HeadValues,
  type Proposal,
  type ProposalContext,
  type ProposerSequence,
  rowsAhead,
  type SequenceStart,
  type TargetSizes,
  type TreeGrower,
  type TreeSource,
} from "@winnow/core"
import { type Circuit, type CircuitInstruction, runCircuit, startCircuit, targetWeights } from "@winnow/models"
import { tf } from "@winnow/tensor"
import { distributionAt, nextAfter, type ProposedToken, proposalOf } from "./next-after.ts"

/** The k-th cell, k from 1. */
export interface OffsetCell {
  /** Over the slots `hidden` [D] and `token(1)` to `token(k)`, the embeddings of the tokens between, as far as it reads them. */
  readonly instructions: ReadonlyArray<CircuitInstruction>
  /** How many of the tokens between it reads, the first ones: 0 to k. */
  readonly tokens: number
  /** The slot whose rows the vocabulary head reads. */
  readonly output: string
  /** The vocabulary head: a parameter of the head, or `targetWeights.head`. */
  readonly head: string
  /** Of its rows in the loss, above 0. */
  readonly weight: number
}

/** The slot of the target's hidden state. */
export const hidden = "hidden"
/** The slot of the embedding of the i-th token after the hidden state's own, i from 1. */
export const token = (i: number): string => `token ${i}`

const circuitOf = (target: TargetSizes, { instructions, tokens, output }: OffsetCell): Circuit => ({
  inputs: new Map([[hidden, target.hiddenSize]]),
  tokens: new Map(
    Array.from({ length: tokens }, (_, i) => [token(i + 1), target.streamSize ?? target.hiddenSize] as const),
  ),
  instructions,
  outputs: [output],
})

/** The same instructions with slots of their own, but for the hidden state. */
const renamed = (k: number, instructions: ReadonlyArray<CircuitInstruction>): ReadonlyArray<CircuitInstruction> => {
  const slot = (name: string) => (name === hidden ? name : outputOf(k, name))
  return instructions.map((i) =>
    i.op === "concat" ? { ...i, from: i.from.map(slot), to: slot(i.to) } : { ...i, from: slot(i.from), to: slot(i.to) },
  )
}
const outputOf = (k: number, output: string) => `${k}: ${output}`

/** The circuits of a proposal: one of all cells where none reads a token, so that they run at once; else one a cell. */
const proposalCircuits = (target: TargetSizes, cells: ReadonlyArray<OffsetCell>): ReadonlyArray<Circuit> =>
  cells.some(({ tokens }) => tokens > 0)
    ? cells.map((cell) => circuitOf(target, cell))
    : [
        {
          inputs: new Map([[hidden, target.hiddenSize]]),
          instructions: cells.flatMap(({ instructions }, k) => renamed(k, instructions)),
          outputs: cells.map(({ output }, k) => outputOf(k, output)),
        },
      ]

/** Numbers that the proposal of one token reads, on the mean over the cells; the target's vocabulary head counts. */
const readByToken = (
  parameters: ReadonlyMap<string, HeadParameter>,
  cells: ReadonlyArray<OffsetCell>,
  { hiddenSize, vocabularySize }: TargetSizes,
): number => {
  const own = parameters.values().reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
  const tied = cells.filter(({ head }) => head === targetWeights.head).length
  return (own + tied * hiddenSize * vocabularySize) / cells.length
}

class OffsetSequence implements ProposerSequence {
  readonly #circuits: ReturnType<typeof startCircuit>[]
  readonly #isOne: boolean

  constructor(
    readonly cells: ReadonlyArray<OffsetCell>,
    circuits: ReadonlyArray<Circuit>,
    values: HeadValues,
    readonly start: SequenceStart,
    readonly grow: TreeGrower | undefined,
    readonly layer: number | "last",
  ) {
    this.#circuits = circuits.map((circuit) => startCircuit(circuit, values))
    this.#isOne = circuits.length === 1 && cells.every(({ tokens }) => tokens === 0)
  }

  readonly propose: ProposerSequence["propose"] = (context) =>
    this.grow === undefined ? this.#chain(context) : this.#tree(context, this.grow)

  /** A level is a row of its cell for each node: of a head that reads no tokens it is one and the same for all of them. */
  #tree({ text, room, draw, seen }: ProposalContext, grow: TreeGrower): Proposal {
    const { sampling, eosId } = this.start
    const sampled = sampling.temperature > 0
    // Greedy choices need an order of the tokens, and confidences: the plain distribution has both.
    const rowsOf = sampled ? sampling : { temperature: 1 }
    const h_D = seen!.of(this.layer)
    const paths: Array<ReadonlyArray<number>> = []
    const source: TreeSource = (nodes) => {
      const level = nodes.length === 0 ? [[]] : nodes.map(({ token, parent }) => [...(paths[parent] ?? []), token])
      if (nodes.length > 0) paths.push(...level)
      const k = level[0]!.length
      const { tokens, output, head } = this.cells[k]!
      if (this.#isOne) {
        if (k === 0) this.#circuits[0]!.extend({ inputs: new Map([[hidden, h_D]]) })
        const q_V = distributionAt(this.#circuits[0]!.logits(outputOf(k, output), head, 1), 0, rowsOf)
        return { at: () => q_V }
      }
      const N = level.length
      const inputs = new Map([[hidden, Float32Array.from({ length: N * h_D.length }, (_, i) => h_D[i % h_D.length]!)]])
      const between = level.map((path) => [text.at(-1)!, ...path])
      const ids = Array.from({ length: tokens }, (_, i) => between.map((path) => path[i]!))
      this.#circuits[k]!.extend({ inputs, ids })
      const logits = this.#circuits[k]!.logits(output, head, N)
      return { at: (r) => distributionAt(logits, r, rowsOf) }
    }
    return grow(source, { room: Math.min(room, this.cells.length), eosId, draw }, sampled).proposal
  }

  #chain({ text, room, draw, seen }: ProposalContext): Proposal {
    const inputs = new Map([[hidden, seen!.of(this.layer)]])
    const chosen: Array<ProposedToken> = []
    if (this.#isOne) this.#circuits[0]!.extend({ inputs })
    for (const [k, { tokens, output, head }] of this.cells.entries()) {
      if (k === room || (k > 0 && chosen.at(-1)!.id === this.start.eosId)) break
      const circuit = this.#circuits[this.#isOne ? 0 : k]!
      if (!this.#isOne) {
        const between = [text.at(-1)!, ...chosen.map(({ id }) => id)]
        circuit.extend({ inputs, ids: between.slice(0, tokens).map((id) => [id]) })
      }
      chosen.push(nextAfter(circuit, this.#isOne ? outputOf(k, output) : output, head, this.start.sampling, draw))
    }
    return proposalOf(chosen)
  }

  readonly dispose = (): void => {
    for (const circuit of this.#circuits) circuit.dispose()
  }
}

/**
 * A head of cells.
 *
 * @param of.cells the k-th predicts the token k after next
 * @param of.layer the layer of the target whose states they read, below the number of its layers; left out: the last
 * states, after the final norm
 * @returns the architecture; it reads `targetHidden` or `targetLayers`, `targetEmbedding` and `targetHead`
 */
export const offsetHead = (
  target: TargetSizes,
  of: {
    readonly parameters: ReadonlyMap<string, HeadParameter>
    readonly cells: ReadonlyArray<OffsetCell>
    readonly layer?: number | undefined
  },
): HeadArchitecture<"targetHidden" | "targetLayers" | "targetEmbedding" | "targetHead"> => {
  const D = target.hiddenSize
  const { parameters, cells, layer } = of
  const circuits = cells.map((cell) => circuitOf(target, cell))
  const proposed = proposalCircuits(target, cells)
  return {
    parameters,
    ...(layer !== undefined && { layers: [layer] }),
    entries: cells.length,
    rows: (values, problem, seen) => {
      const { targetEmbedding, targetHead } = seen
      // A head of the last states may list no `targetLayers` among its reads, so they are not asked for then.
      const states = layer === undefined ? seen.targetHidden : seen.targetLayers.get(layer)!
      const h_PD = tf.reshape(states, [-1, D]) as tf.Tensor2D
      const weights = {
        get: (name: string) => (name === targetWeights.embedding ? (targetEmbedding as tf.Variable) : values.get(name)),
        keys: () => values.keys(),
      }
      return cells.map(({ tokens, output, head, weight }, i) => {
        const { at_M, row_M } = rowsAhead(problem, i + 1)
        const at = (rows: Int32Array) => tf.tensor1d(rows, "int32")
        const given = {
          inputs: new Map([[hidden, tf.gather(h_PD, at(row_M)) as tf.Tensor2D]]),
          ids: Array.from({ length: tokens }, (_, j) => at(row_M.map((row) => problem.ids_BT[row + j + 1]!))),
        }
        const h_Md = runCircuit(circuits[i]!, weights, given).get(output)!
        return { h_Md, head_Vd: head === targetWeights.head ? targetHead : values.get(head)!, at_M, weight }
      })
    },
    trees: true,
    proposing: (values, grow) => ({
      reads: { layers: [layer ?? "last"], positions: "last" },
      parameters: readByToken(parameters, cells, target),
      begin: (start) => new OffsetSequence(cells, proposed, values, start, grow, layer ?? "last"),
    }),
  }
}
