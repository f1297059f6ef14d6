/**
 * Proposals of a text's next tokens, and the proposer that makes them.
 *
 * Letters: L tokens of the text so far (prompt and emitted), V vocabulary, D hidden size of the target.
 */

import type { TargetLayer } from "./decoding.ts"
import type { DistributionRows } from "./distribution-rows.ts"
import type { Decoder } from "./model.ts"
import type { Asking } from "./model-call.ts"
import type { Sampling } from "./sampling-options.ts"

/**
 * Tokens that may follow the text: a chain, or a tree of alternatives.
 *
 * A tree is lossless if its tokens are in the order in which they were drawn, and every drawn token is in it: a token behind
 * the one that it follows, and siblings one behind the other. The decision to draw a token may depend on all tokens drawn
 * before it, never on the token itself.
 */
export interface Proposal {
  readonly tokens: ReadonlyArray<number>
  /** For each token the place of the one that it follows, before its own, or -1 for the text. Left out: a chain. */
  readonly parents?: ReadonlyArray<number> | undefined
  /**
   * For each token the distribution over V ids that it was drawn from, given its earlier siblings, after temperature, top-k
   * and top-p: with siblings drawn without replacement they have no mass in it. "certain": the tokens were not drawn and
   * have all mass; so it is for all proposals at temperature 0.
   */
  readonly q: "certain" | ReadonlyArray<Float64Array>
}

/** A part of the target's hidden states, and the positions of each call at which a proposer reads them. */
export interface ProposerReads {
  readonly layers: ReadonlyArray<TargetLayer>
  /** Every position that became text, or only the last of them. */
  readonly positions: "all" | "last"
}

/** Hidden states of the target at positions of the text, in the memory of the host. */
export interface SeenStates {
  /** Position of the first row. The last row is position L - 2: its next token is the last one of the text. */
  readonly from: number
  /** Number of rows, 1 or more. */
  readonly count: number
  /** [count, D], row-major; may be read only during the call. @error Error for a layer that the proposer does not read */
  readonly of: (layer: TargetLayer) => Float32Array
}

/** The inputs of a proposal. */
export interface ProposalContext {
  /** Prompt and emitted tokens, L of them; the array belongs to the session and may be read only during the call. */
  readonly text: ReadonlyArray<number>
  /**
   * For a proposer with `reads`: the states of the positions that became text since the last proposal, the whole prompt
   * at first. The target has read all of the text but its last token.
   */
  readonly seen?: SeenStates
  /** Most tokens that may be proposed one after the other, 1 or more: the longest path of a tree. */
  readonly room: number
  /** Draws an id from a distribution: the only random source that a proposer may use. */
  readonly draw: (q_V: Float64Array) => number
}

/** A proposer's state for one text. */
export interface ProposerSequence {
  /** Proposes 0 to `room` tokens; with none the target's call emits only its own token. */
  readonly propose: (context: ProposalContext) => Proposal
  /** The same, asking for each call of a model, so that the calls of several texts can be one. */
  readonly asking?: (context: ProposalContext) => Asking<Proposal>
  /**
   * Called after each proposal of 1 token or more: `accepted` of its tokens became text, the others did not, and one token of
   * the target's own follows. A proposer with a cache rolls it back here.
   *
   * @param path places of the accepted tokens in the proposal; of a chain its first ones
   */
  readonly accept?: (accepted: number, path: ReadonlyArray<number>) => void
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
   * Parameters that the proposal of one token reads, 0 for none: c of the cost model is their ratio to the target's.
   */
  readonly parameters: number
  /**
   * The hidden states of the target that it reads; left out: none. The target then reads the prompt before the first
   * proposal, and the first block is its own token.
   */
  readonly reads?: ProposerReads
  /** Ids that it can propose, if they must be those of the target; left out: any. */
  readonly vocabularySize?: number
  /** Most tokens that it reads; left out: no limit. */
  readonly maxLength?: number
  /** The draft, if all proposals come from one decoder model: passes over finished texts then estimate acceptance. */
  readonly model?: Decoder
  /**
   * True if each proposal is a certain chain and depends on the text alone, and one with less room is the beginning of one with
   * more: replaying finished texts then counts acceptance.
   */
  readonly deterministic?: boolean
  readonly begin: (start: SequenceStart) => ProposerSequence
}

/** The part of a proposer that its plugin makes. */
export type ProposerParts = Pick<Proposer, "begin"> & Partial<Omit<Proposer, "name" | "begin">>

/** A node of a growing tree that the source of its distributions reads. */
export interface TreeNode {
  readonly token: number
  /** The node that it follows, counted from the first one read in this tree; -1 for the text. */
  readonly parent: number
}

/**
 * Reads the nodes of a level, all of one depth, and gives the distribution of the next token after each. The first call has
 * no nodes: its row 0 is the distribution after the text. Rows are void at the next call.
 */
export type TreeSource = (nodes: ReadonlyArray<TreeNode>) => DistributionRows

/** The conditions of a tree. */
export interface TreeContext {
  /** Most tokens of a path. */
  readonly room: number
  /** A token after which the text ends: nothing follows it. */
  readonly eosId: SequenceStart["eosId"]
  /** Draws siblings; left out: the best ones are certain. */
  readonly draw?: ((q_V: Float64Array) => number) | undefined
}

/** A tree, and the part of it that the source has read. */
export interface GrownTree {
  readonly proposal: Proposal
  /** For each token of the proposal its place among the nodes read; undefined for one that was not. */
  readonly readAs: ReadonlyArray<number | undefined>
}

/**
 * Grows trees of one shape from any source of distributions: a draft model, or a head. `sampled` tells that the temperature
 * is above 0, so that the shape may have its siblings drawn.
 */
export type TreeGrower = (source: TreeSource, context: TreeContext, sampled: boolean) => GrownTree
