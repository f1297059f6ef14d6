/**
 * The head in decoding: a chain or a tree of its own features after the target's.
 *
 * Letters: L tokens of the text, d hidden size.
 */
import type {
  HeadValues,
  Proposal,
  ProposalContext,
  ProposerParts,
  ProposerSequence,
  SequenceStart,
  TreeGrower,
  TreeSource,
} from "@winnow/core"
import { distributionAt, nextAfter, type ProposedToken, proposalOf } from "@winnow/heads"
import { type Circuit, type CircuitDecoding, startCircuit } from "@winnow/models"
import { slots } from "./layer.ts"

/** Constants of the proposals. */
export interface EagleProposals {
  readonly d: number
  readonly step: Circuit
  readonly taps?: { readonly circuit: Circuit; readonly layers: ReadonlyArray<number> } | undefined
  readonly head: string
  /** Parameters that the proposal of one token reads. */
  readonly parameters: number
}

/** Rows of several lists side by side: of each [count, d]. */
const sideBySide = (lists: ReadonlyArray<Float32Array>, count: number, d: number): Float32Array => {
  const all = new Float32Array(count * d * lists.length)
  for (const [i, rows] of lists.entries())
    for (let row = 0; row < count; row++) all.set(rows.subarray(row * d, (row + 1) * d), (row * lists.length + i) * d)
  return all
}

class EagleSequence implements ProposerSequence {
  readonly #step: CircuitDecoding
  readonly #taps: CircuitDecoding | undefined
  /** Rows of the cache whose features are the target's: all positions of the text that the target has read. */
  #known = 0

  constructor(
    readonly of: EagleProposals,
    values: HeadValues,
    readonly start: SequenceStart,
    readonly grow: TreeGrower | undefined,
  ) {
    this.#step = startCircuit(of.step, values)
    this.#taps = of.taps && startCircuit(of.taps.circuit, values)
  }

  /** The target's features of the positions that became text since the last proposal. */
  #features({ count, of }: NonNullable<ProposalContext["seen"]>): Float32Array {
    const { taps, d } = this.of
    if (taps === undefined) return of("last").slice()
    const inputs = new Map([
      [
        slots.taps,
        sideBySide(
          taps.layers.map((layer) => of(layer)),
          count,
          d,
        ),
      ],
    ])
    this.#taps!.extend({ inputs })
    return this.#taps!.states(slots.feature).slice()
  }

  readonly propose: ProposerSequence["propose"] = ({ text, room, draw, seen }) => {
    const { from, count } = seen!
    const { d, head } = this.of
    const step = this.#step
    if (from !== this.#known) throw new Error(`states from position ${from} follow those of ${this.#known} positions`)
    step.rollback(from)
    const tokens = text.slice(from + 1, from + 1 + count)
    step.extend({ inputs: new Map([[slots.feature, this.#features(seen!)]]), ids: [tokens] })
    this.#known = from + count
    if (this.grow !== undefined) return this.#tree(this.grow, room, draw)
    const chosen: Array<ProposedToken> = []
    for (;;) {
      const next = nextAfter(step, slots.state, head, this.start.sampling, draw)
      chosen.push(next)
      if (chosen.length === room || next.id === this.start.eosId) return proposalOf(chosen)
      const feature = step.states(slots.feature).slice(-d)
      step.extend({ inputs: new Map([[slots.feature, feature]]), ids: [[next.id]] })
    }
  }

  /** A level is one call of the layer: each node's token, and the feature of the node that it follows. */
  #tree(grow: TreeGrower, room: number, draw: ProposalContext["draw"]): Proposal {
    const { sampling, eosId } = this.start
    const { d, head } = this.of
    const step = this.#step
    const sampled = sampling.temperature > 0
    // Greedy choices need an order of the tokens, and confidences: the plain distribution has both.
    const rowsOf = sampled ? sampling : { temperature: 1 }
    const last = step.states(slots.feature).slice(-d)
    const features: Array<Float32Array> = []
    const source: TreeSource = (nodes) => {
      if (nodes.length > 0) {
        const before = nodes.map(({ parent }) => features[parent] ?? last)
        const inputs = new Map([[slots.feature, sideBySide(before, 1, d)]])
        const parents = Int32Array.from(nodes, ({ parent }) => parent)
        step.extend({ inputs, ids: [nodes.map(({ token }) => token)] }, parents)
        const states = step.states(slots.feature)
        for (const n of nodes.keys()) features.push(states.slice(n * d, (n + 1) * d))
      }
      const logits = step.logits(slots.state, head, Math.max(1, nodes.length))
      return { at: (r) => distributionAt(logits, r, rowsOf) }
    }
    return grow(source, { room, eosId, draw }, sampled).proposal
  }

  readonly dispose = (): void => {
    this.#step.dispose()
    this.#taps?.dispose()
  }
}

/** The proposer of a head with its weights. */
export const eagleProposing = (of: EagleProposals, values: HeadValues, grow?: TreeGrower): ProposerParts => ({
  reads: { layers: of.taps?.layers ?? ["last"], positions: "all" },
  parameters: of.parameters,
  begin: (start) => new EagleSequence(of, values, start, grow),
})
