/** A draft in training: a model with its own trunk, or a head on the hidden states of another model. */
import type { DraftRows, PieceOf, Seen, SeenName } from "./draft-rows.ts"
import { InvalidInput } from "./errors.ts"
import type { Engine, HeadFolder } from "./head.ts"
import type { Encoder, Trainable } from "./model.ts"
import type { Problem } from "./problem.ts"
import type { ProposerParts, TreeGrower } from "./proposal.ts"

/** A head with its parameters, on one target. */
export interface DraftHead extends Trainable {
  readonly name: string
  readonly reads: ReadonlyArray<SeenName>
  /** The layers of `targetLayers`, as in `HeadArchitecture.layers`. */
  readonly layers?: ReadonlyArray<number> | undefined
  /** As in `HeadArchitecture`; true if left out. */
  readonly readsLast?: boolean | undefined
  /** The frozen model whose hidden states the head reads; it stays its owner's. */
  readonly target: Encoder
  /**
   * A copy of the target that is trained together with the head, which then reads the states of this copy. Left out: the
   * head reads the frozen target's.
   */
  readonly trunk?: Encoder | undefined
  /** The text of the target's tokens, for a head that reads it. */
  readonly pieceOf?: PieceOf | undefined
  readonly rows: (problem: Problem, seen: Seen) => ReadonlyArray<DraftRows>
  /** The parts of its proposer with its present weights. @error InvalidInput (thrown) for a target that does not decode */
  readonly proposing?: (grow?: TreeGrower) => ProposerParts
  /** As in `HeadArchitecture`. */
  readonly trees?: boolean | undefined
  /** Its folder for an engine, with its present weights. @error InvalidInput (thrown) as in `HeadArchitecture.folderFor` */
  readonly folderFor?: (engine: Engine) => HeadFolder
  readonly dispose: () => void
}

export type Draft = Encoder | DraftHead

/** True for a draft that computes its own rows. */
export const isDraftHead = (draft: Draft): draft is DraftHead => "rows" in draft

/** The model behind a draft. @error InvalidInput (thrown) for a head, which writes no text by itself */
export const draftModel = (draft: Draft): Encoder => {
  if (!isDraftHead(draft)) return draft
  throw new InvalidInput({
    what: `head ${draft.name}`,
    problems: ["is a head, not a model: it computes no hidden states and writes no text; train a model here"],
  })
}
