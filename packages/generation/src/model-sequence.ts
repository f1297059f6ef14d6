/**
 * A model's own continuation as proposals for one text: one call for each token, drawn from its distribution after the
 * earlier ones.
 *
 * Letters: L tokens of the text so far, V vocabulary.
 *
 * After a fully accepted block the model's cache holds one token less than the text, since the model never read its own
 * last token. So each call reads the tokens that the cache lacks, the whole prompt at first.
 */
import type {
  Asking,
  Decoder,
  Decoding,
  Proposal,
  ProposalContext,
  ProposerSequence,
  SequenceStart,
} from "@winnow/core"
import { answered, askChoices, askDistributions } from "./model-calls.ts"

class ModelSequence implements ProposerSequence {
  readonly #cache: Decoding
  /** L at the last proposal. */
  #length = 0

  constructor(
    readonly draft: Decoder,
    readonly start: SequenceStart,
  ) {
    this.#cache = draft.decoding()
  }

  /** Proposes tokens until the room is full or the draft ends the text. */
  propose(context: ProposalContext): Proposal {
    return answered(this.asking(context))
  }

  *asking({ text, room, draw }: ProposalContext): Asking<Proposal> {
    const { sampling, eosId } = this.start
    const tokens: Array<number> = []
    const q: Array<Float64Array> = []
    this.#length = text.length
    while (tokens.length < room && (tokens.length === 0 || tokens.at(-1) !== eosId)) {
      const ids = unseen(this.#cache, text, tokens)
      const call = { model: this.draft, decoding: this.#cache, ids, rows: 1 }
      // Only the target's margins are reported, and margins cost more than the choice itself.
      if (sampling.temperature === 0) tokens.push((yield* askChoices(call, false)).argmax[0]!)
      else {
        const q_V = (yield* askDistributions(call, sampling)).at(0)!
        q.push(q_V)
        tokens.push(draw(q_V))
      }
    }
    return { tokens, q: sampling.temperature === 0 ? "certain" : q }
  }

  accept(accepted: number): void {
    this.#cache.rollback(Math.min(this.#cache.length, this.#length + accepted))
  }

  dispose(): void {
    this.#cache.dispose()
  }
}

/** The tokens of the text, and of a block after it, that a cache lacks. */
export const unseen = ({ length }: Decoding, text: ReadonlyArray<number>, block: ReadonlyArray<number>): Int32Array => {
  const L = text.length
  return Int32Array.from({ length: L + block.length - length }, (_, i) =>
    length + i < L ? text[length + i]! : block[length + i - L]!,
  )
}

/** Proposals for one text: greedy at temperature 0, else drawn with the target's sampling options. */
export const modelSequence = (model: Decoder, start: SequenceStart): ProposerSequence => new ModelSequence(model, start)
