/** The proposer of an evaluation: a draft from a folder, or a plugin. */
import { type DataError, type Decoder, type HeadUse, InvalidInput, type Proposer, type ProposerUse } from "@winnow/core"
import { headProposer, modelProposer, type TreeOption, treeProposer } from "@winnow/decoding"
import { pluginFrom } from "@winnow/lab/outside"
import { type HeadFolderSettings, loadHead, readHeadSettings } from "@winnow/models"
import { Effect } from "effect"
import { type NamedFolder, namedFolder, openDecoder } from "../model.ts"
import type { EvaluateRequest } from "./evaluate-record.ts"

/** A proposer before any model is opened. */
export interface AskedProposer {
  /** "model" for a draft, "tree" for one that proposes trees. */
  readonly name: string
  /** The plugin's options with their defaults, or those of a tree and its draft; empty for a draft. */
  readonly options: Readonly<Record<string, unknown>>
  /** The draft's folder; undefined for a plugin, and for a head, which has the target's vocabulary. */
  readonly draft: NamedFolder | undefined
  /** Opens it on a target for the lifetime of the scope; of a draft so many rows of its vocabulary. */
  readonly open: (
    rows: number,
    target: Decoder,
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
    const settings = yield* readHeadSettings(found.folder)
    if (settings !== undefined) return yield* askedHead(found, settings, tree)
    const openAs = (make: (draft: Decoder) => Proposer) => (rows: number) =>
      Effect.map(openDecoder(found.folder, { rows, precision }), make)
    if (tree === undefined) return { name: "model", options: {}, draft: found, open: openAs(modelProposer) }
    const options = { draft: found.reference ?? found.folder, ...tree }
    return { name: "tree", options, draft: found, open: openAs((model) => treeProposer(model, tree)) }
  }
  if (draft !== undefined || proposer === undefined) {
    const flags = draft === undefined ? "neither --draft nor --proposer" : "both --draft and --proposer"
    const problem = `found ${flags}, expected one: --draft DIR for a draft model, --proposer NAME for a plugin such as ngram`
    return yield* new InvalidInput({ what: "--draft", problems: [problem] })
  }
  if (tree !== undefined) {
    const problem = `found --tree with --proposer ${proposer}, expected --draft DIR: a tree grows from a draft's probabilities`
    return yield* new InvalidInput({ what: "--tree", problems: [problem] })
  }
  // The kind is checked, and a plugin of this kind has no other type.
  const use = (yield* pluginFrom("proposer", `--proposer ${proposer}`, proposer)) as ProposerUse
  return { name: use.name, options: yield* use.decoded, draft: undefined, open: () => use.instance }
})

/** A head of a folder, which proposes from the target's states. @error InvalidInput for a head that is no plugin here */
const askedHead = Effect.fnUntraced(function* (
  { folder, reference }: NamedFolder,
  { name, options }: HeadFolderSettings,
  tree: TreeOption | undefined,
): Effect.fn.Return<AskedProposer, InvalidInput> {
  // The kind is checked, and a plugin of this kind has no other type.
  const use = (yield* pluginFrom("head", `--draft ${folder}`, JSON.stringify({ name, options }))) as HeadUse
  const open: AskedProposer["open"] = (_, target) =>
    Effect.gen(function* () {
      const load = loadHead(folder, yield* use.instance, target)
      const head = yield* Effect.acquireRelease(load, (loaded) => Effect.sync(() => loaded.dispose()))
      return yield* Effect.try({
        try: () => headProposer(head, tree),
        catch: (cause) => {
          if (cause instanceof InvalidInput) return cause
          throw cause
        },
      })
    })
  return {
    name: use.name,
    options: { folder: reference ?? folder, ...(yield* use.decoded), ...tree },
    draft: undefined,
    open,
  }
})
