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
   * For each token the distribution over V ids that it was drawn from, after temperature, top-k and top-p. "certain":
   * the tokens were not drawn and have all mass; so it is for all proposals at temperature 0.
   */
  readonly q: "certain" | ReadonlyArray<Float64Array>
}

/** The inputs of a proposal. */
export interface ProposalContext {
  /** Prompt and emitted tokens, L of them; the array belongs to the session and may be read only during the call. */
  readonly text: ReadonlyArray<number>
  /** Most tokens that may be proposed, 1 or more. */
  readonly room: number
  /** Draws an id from a distribution: the only random source that a proposer may use. */
  readonly draw: (q_V: Float64Array) => number
}

/** A proposer's state for one text. */
export interface ProposerSequence {
  /** Proposes 0 to `room` tokens; with none the target's call emits only its own token. */
  readonly propose: (context: ProposalContext) => Proposal
  /**
   * Called after each proposal of 1 token or more: the first `accepted` of its tokens became text, the others did not,
   * and one token of the target's own follows. A proposer with a cache rolls it back here.
   */
  readonly accept?: (accepted: number) => void
  /** Called once at the end of the text, also after an interrupted decoding. */
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

/** A proposer in the form that decoding and measurements take. */
export interface Proposer {
  readonly name: string
  /**
   * Number of its parameters beside the target's own, 0 for none: c of the cost model is their ratio to the target's.
   */
  readonly parameters: number
  /** Ids that it can propose, if they must be those of the target; left out: any. */
  readonly vocabularySize?: number
  /** Most tokens that it reads; left out: no limit. */
  readonly maxLength?: number
  /** The draft, if all proposals come from one decoder model: passes over finished texts then estimate acceptance. */
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
