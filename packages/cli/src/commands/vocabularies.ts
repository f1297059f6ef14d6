/** A target and a proposer over one vocabulary: the rows of their heads against the tokens of their tokenizers. */
import { type Decoder, InvalidInput, type Proposer } from "@winnow/core"
import { knownFamilies } from "@winnow/lab/outside"
import { type DecodingPrecision, readArchitecture } from "@winnow/models"
import { Effect } from "effect"
import { openDecoder } from "../model.ts"
import type { PairTokenizers } from "./evaluate-folders.ts"
import type { AskedProposer } from "./evaluate-proposer.ts"

const refused = (problem: string) =>
  new InvalidInput({ what: "vocabularies", problems: [`${problem} (docs/vocabularies.md says which pairs can)`] })

const rowsOf = (folder: string) =>
  Effect.flatMap(knownFamilies, (families) =>
    Effect.map(readArchitecture(folder, families), ({ vocabularySize }) => vocabularySize),
  )

/**
 * The rows that both heads are read to, where they have different numbers of them: the smaller number, if every token has
 * a row below it. The other rows only round a number up, and no text has their ids.
 *
 * @error InvalidInput where that is not so, or a folder has no tokenizer by which it could be told
 */
export const sharedRows = (
  target: number,
  draft: number,
  tokens: number | undefined,
): Effect.Effect<number, InvalidInput> => {
  const differ = `vocabularies differ: the target's head has ${target} rows, the draft's ${draft}`
  const rows = Math.min(target, draft)
  if (target === draft || (tokens !== undefined && tokens <= rows)) return Effect.succeed(rows)
  return Effect.fail(
    refused(
      tokens === undefined
        ? `${differ}; expected one number, or a tokenizer.json in both folders that tells which rows are tokens`
        : `${differ}, and there are ${tokens} tokens; expected a row for each in both: give a draft that was trained for this target`,
    ),
  )
}

/** Target and proposer, and sentences on the unused parts of their vocabularies. */
export interface OpenPair {
  readonly target: Decoder
  /** Undefined for the target alone. */
  readonly proposer: Proposer | undefined
  readonly notes: ReadonlyArray<string>
}

/**
 * Opens target and proposer for the lifetime of the scope.
 *
 * @param spec undefined: the target alone
 * @param precision of the target's decoding
 * @error InvalidInput for a pair without a common vocabulary, or for fewer rows than the target's tokenizer has tokens
 * @error DataError for a folder without a whole model
 */
export const openPair = Effect.fnUntraced(function* (
  folder: string,
  spec: AskedProposer | undefined,
  { tokenizer, tokens, notes }: PairTokenizers,
  precision: DecodingPrecision,
) {
  const V = yield* rowsOf(folder)
  // Rows beyond the tokenizer's ids are common in published models, and harmless: no text has their ids.
  if (tokenizer !== undefined && tokenizer.vocabularySize > V)
    return yield* refused(
      `the target has a vocabulary of ${V}, its tokenizer ${tokenizer.vocabularySize}; expected at least as many rows as tokens: put the model's own tokenizer.json into its folder`,
    )
  const draft = spec?.draft?.folder
  const draftRows = draft === undefined ? V : yield* rowsOf(draft)
  const rows = yield* sharedRows(V, draftRows, tokens)
  const target = yield* openDecoder(folder, { rows, precision })
  const proposer = spec && (yield* spec.open(rows, target))
  if (target.headIds !== undefined)
    return yield* refused(
      `the target predicts ${target.headIds.id_U.length} of its ${rows} ids; a draft may, a target must predict every id`,
    )
  const size = proposer?.vocabularySize
  if (size !== undefined && size !== rows)
    return yield* refused(`vocabularies differ: target ${rows}; ${spec!.name} ${size}`)
  const cut =
    V === draftRows
      ? []
      : [
          `The target's head has ${V} rows, the draft's ${draftRows}: both are read to ${rows}, as the ${tokens} tokens have lower ids.`,
        ]
  const ids = proposer?.model?.headIds?.id_U.length
  const some = ids === undefined ? [] : [`The draft proposes ${ids} of the ${rows} ids; other tokens are the target's.`]
  return { target, proposer, notes: [...cut, ...some, ...notes] } satisfies OpenPair
})
