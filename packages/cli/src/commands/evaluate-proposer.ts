/** The proposer of an evaluation: a draft from a folder, or a plugin. */
import { type DataError, type Decoder, InvalidInput, type Proposer, type ProposerUse } from "@winnow/core"
import { modelProposer, type TreeOption, treeProposer } from "@winnow/decoding"
import { pluginFrom } from "@winnow/lab/outside"
import { Effect } from "effect"
import { type NamedFolder, namedFolder, openDecoder } from "../model.ts"
import type { EvaluateRequest } from "./evaluate-record.ts"

/** A proposer before any model is opened. */
export interface AskedProposer {
  /** "model" for a draft, "tree" for one that proposes trees. */
  readonly name: string
  /** The plugin's options with their defaults, or those of a tree and its draft; empty for a draft. */
  readonly options: Readonly<Record<string, unknown>>
  /** The draft's folder; undefined for a plugin. */
  readonly draft: NamedFolder | undefined
  /** Opens it for the lifetime of the scope; of a draft so many rows of its vocabulary, all if left out. */
  readonly open: (
    rows?: number,
  ) => Effect.Effect<Proposer, Effect.Error<ReturnType<typeof openDecoder>> | InvalidInput, Scope>
}

type Scope = Effect.Services<ReturnType<typeof openDecoder>>

/**
 * The requested proposer; a draft on a hub is downloaded.
 *
 * @param tree the shape of a draft's proposals
 * @error InvalidInput for neither or both of draft and proposer, for a tree of a plugin, for an unknown plugin, and for
 * its options
 * @error DataError as `namedFolder`
 */
export const askedProposer = Effect.fnUntraced(function* (
  { draft, proposer, draftPrecision: precision }: Pick<EvaluateRequest, "draft" | "proposer" | "draftPrecision">,
  tree?: TreeOption,
): Effect.fn.Return<AskedProposer, InvalidInput | DataError> {
  if (draft !== undefined && proposer === undefined) {
    const found = yield* namedFolder(draft)
    const openAs = (make: (draft: Decoder) => Proposer) => (rows?: number) =>
      Effect.map(openDecoder(found.folder, { rows, precision }), make)
    if (tree === undefined) return { name: "model", options: {}, draft: found, open: openAs(modelProposer) }
    const options = { draft: found.reference ?? found.folder, ...tree }
    return { name: "tree", options, draft: found, open: openAs((model) => treeProposer(model, tree)) }
  }
  if (draft !== undefined || proposer === undefined) {
    const flags = draft === undefined ? "neither --draft nor --proposer" : "both --draft and --proposer"
    const problem = `found ${flags}, expected one: --draft DIR for a draft model, --proposer NAME for a plugin such as ngram`
    return yield* new InvalidInput({ what: "evaluate", problems: [problem] })
  }
  if (tree !== undefined) {
    const problem = `found --tree with --proposer ${proposer}, expected --draft DIR: a tree grows from a draft's probabilities`
    return yield* new InvalidInput({ what: "evaluate", problems: [problem] })
  }
  // The kind is checked, and a plugin of this kind has no other type.
  const use = (yield* pluginFrom("proposer", `--proposer ${proposer}`, proposer)) as ProposerUse
  return { name: use.name, options: yield* use.decoded, draft: undefined, open: () => use.instance }
})
