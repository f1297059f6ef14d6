/** A target and its proposer, opened from folders once, for one text or for many. */
import { type DataError, type Decoder, InvalidInput, type Proposer } from "@winnow/core"
import type { TreeOption } from "@winnow/decoding"
import { type DecodingPrecision, requireFolder } from "@winnow/models"
import { setPrecision } from "@winnow/tensor"
import { Effect } from "effect"
import { endsOf, pairTokenizers, type TargetCodec } from "../commands/evaluate-folders.ts"
import { askedProposer } from "../commands/evaluate-proposer.ts"
import { openPair } from "../commands/vocabularies.ts"
import { decodingEngine } from "../engine.ts"
import { namedFolder, productsOf, requireFiniteLogits } from "../model.ts"

/** The models of a writer, as the command line names them. */
export interface WriterRequest {
  /** The model that verifies, or writes alone: a folder or `hf:owner/name`. */
  readonly target: string
  readonly draft?: string
  /** The shape of a tree that the draft proposes; left out: a chain. */
  readonly tree?: TreeOption
  readonly proposer?: string
  /** Values of `--eos`. */
  readonly eos: ReadonlyArray<string>
  /** Of the target's decoding. */
  readonly precision: DecodingPrecision
  /** Of the draft's; the target's if left out. */
  readonly draftPrecision?: DecodingPrecision
}

/** Models whose texts can be written. */
export interface Writer {
  readonly target: Decoder
  /** Undefined for the target alone. */
  readonly proposer: Proposer | undefined
  readonly tokenizer: TargetCodec
  /** Ids that end a text. */
  readonly ends: ReadonlyArray<number>
  readonly notes: ReadonlyArray<string>
}

/** The names of a writer's models, with its tokenizer: checked, and no weights read. */
export interface NamedWriter {
  readonly folder: string
  /** "model" of a draft, "tree" of one that proposes trees, a plugin's name, null of the target alone. */
  readonly proposer: string | null
  readonly tokenizer: TargetCodec
  /**
   * Opens the models for the lifetime of the scope.
   *
   * @param trial ids on which both models must give finite numbers
   * @error InvalidInput for vocabularies that do not fit; DataError for a folder without a whole model
   * @error EngineClosed when the tensor engine does not open
   */
  readonly open: (trial: Int32Array) => ReturnType<typeof openWriter>
}

type Asked = Effect.Success<ReturnType<typeof askedProposer>>
type Tokenizers = Effect.Success<ReturnType<typeof pairTokenizers>>

const openWriter = Effect.fnUntraced(function* (
  request: WriterRequest,
  folder: string,
  spec: Asked | undefined,
  tokenizers: Tokenizers & { readonly tokenizer: TargetCodec },
  trial: Int32Array,
) {
  yield* decodingEngine
  yield* Effect.acquireRelease(
    Effect.sync(() => setPrecision(productsOf(request.precision))),
    (before) => Effect.sync(() => setPrecision(before)),
  )
  const { target, proposer, notes } = yield* openPair(folder, spec, tokenizers, request.precision)
  const { tokenizer } = tokenizers
  const ends = yield* endsOf(folder, request.eos, tokenizer, target.architecture.vocabularySize)
  yield* requireFiniteLogits(folder, target, trial)
  if (proposer?.model !== undefined && spec?.draft !== undefined)
    yield* requireFiniteLogits(spec.draft.folder, proposer.model, trial)
  const writer: Writer = {
    ...{ target, proposer, tokenizer, ends: ends.ids },
    notes: [
      ...notes,
      ...tokenizer.notes.map((note) => `Tokenizer: ${note}.`),
      ...[target, ...(proposer?.model ? [proposer.model] : [])].flatMap(({ architecture }) => architecture.notes ?? []),
    ],
  }
  return writer
})

/**
 * Finds the models of a request.
 *
 * @error InvalidInput for a proposer that cannot be, two vocabularies, or a target without a tokenizer
 * @error DataError for a target that is no folder of a model, and for a file that cannot be read
 */
export const namedWriter = Effect.fnUntraced(function* (request: WriterRequest) {
  const { draft, tree, proposer: named, precision, draftPrecision = precision } = request
  const alone = draft === undefined && named === undefined
  if (alone && tree !== undefined)
    return yield* new InvalidInput({
      what: "--tree",
      problems: ["a tree grows from a draft's probabilities; give --draft"],
    })
  const models = { ...(draft !== undefined && { draft }), ...(named !== undefined && { proposer: named }) }
  const spec = alone ? undefined : yield* askedProposer({ ...models, draftPrecision }, tree)
  const { folder } = yield* namedFolder(request.target)
  yield* Effect.try({ try: () => requireFolder(folder), catch: (error) => error as DataError })
  const tokenizers = yield* pairTokenizers(folder, spec?.draft?.folder ?? folder)
  const { tokenizer } = tokenizers
  if (tokenizer === undefined)
    return yield* new InvalidInput({
      what: "--target",
      problems: [`${folder} has no tokenizer.json to encode a prompt with; put the model's own into that folder`],
    })
  const writer: NamedWriter = {
    ...{ folder, tokenizer, proposer: spec?.name ?? null },
    open: (trial) => openWriter(request, folder, spec, { ...tokenizers, tokenizer }, trial),
  }
  return writer
})
