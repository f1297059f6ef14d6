/**
 * Proposals of a text's next tokens, and the proposer that makes them.
 *
 * Letters: L tokens of the text so far (prompt and emitted), V vocabulary.
 */
import type { Decoder } from "./model.ts"
import type { Sampling } from "./sampling-options.ts"

/** Tokens that may follow the text, one after the other. */
export interface Proposal {
  readonly tokens: ReadonlyArray<number>
  /**
   * For each token the distribution over V ids that it was drawn from, after temperature, top-k and top-p. "certain": nothing
   * was drawn, all mass is on the tokens themselves; so are all proposals at temperature 0.
   */
  readonly q: "certain" | ReadonlyArray<Float64Array>
}

/** The means of a proposal. */
export interface ProposalContext {
  /** Prompt and emitted tokens, L of them; the array is the session's own, to be read during the call. */
  readonly text: ReadonlyArray<number>
  /** Most tokens that may be proposed, 1 or more. */
  readonly room: number
  /** Draws an id from a distribution: the only chance that a proposer may use. */
  readonly draw: (q_V: Float64Array) => number
}

/** A proposer at work on one text. */
export interface ProposerSequence {
  /** 0 to `room` tokens; none costs nothing but the target's call on one token. */
  readonly propose: (context: ProposalContext) => Proposal
  /**
   * Called after each proposal of 1 token or more: the first `accepted` of its tokens became text, the others did not, and
   * one token of the target's own follows. A proposer with a cache rolls it back here.
   */
  readonly accept?: (accepted: number) => void
  /** Called once at the end of the text, also where decoding was given up. */
  readonly dispose?: () => void
}

/** Conditions of one text. */
export interface SequenceStart {
  readonly sampling: Sampling
  /** V of the target. */
  readonly vocabularySize: number
  /** The token that ends the text; a token proposed after it is wasted. */
  readonly eosId: number | undefined
}

/** A proposer as decoding and measurements take it. */
export interface Proposer {
  readonly name: string
  /** Parameters that it computes by beside the target's own, 0 for none: c of the cost model is these over the target's. */
  readonly parameters: number
  /** Ids that it can propose, where they must be those of the target; left out: any. */
  readonly vocabularySize?: number
  /** Most tokens that it reads; left out: no limit. */
  readonly maxLength?: number
  /** The draft, where all proposals are those of one decoder model: passes over finished texts then estimate acceptance. */
  readonly model?: Decoder
  /**
   * True if each proposal is certain and depends on the text alone, and one with less room is the beginning of one with
   * more: replaying finished texts then counts acceptance.
   */
  readonly deterministic?: boolean
  readonly begin: (start: SequenceStart) => ProposerSequence
}

/** The part of a proposer that its plugin makes. */
export type ProposerParts = Pick<Proposer, "begin"> & Partial<Omit<Proposer, "name" | "begin">>
