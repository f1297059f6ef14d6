/** Facts in the two model folders beside the weights: the meaning of tokens, and the token that ends a text. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { DataError, InvalidInput } from "@winnow/core"
import { type Codec, compareTokens, loadCodec } from "@winnow/data"
import { parseJson, readRegularText } from "@winnow/files"
import { type } from "arktype"
import { Effect } from "effect"

/** The target's tokenizer; `end` if it names one, or has a usual one. */
export type TargetCodec = Codec & { readonly end: { readonly id: number; readonly text: string } | undefined }

const tokenizerOf = (folder: string): Effect.Effect<TargetCodec | undefined, DataError | InvalidInput> =>
  existsSync(join(folder, "tokenizer.json")) ? loadCodec(folder) : Effect.succeed(undefined)

/** The tokenizers of a pair of folders. */
export interface PairTokenizers {
  /** The target's, which encodes prompts and decodes texts; undefined if its folder has none. */
  readonly tokenizer: TargetCodec | undefined
  /** Tokens of both: the largest id of either, plus one; undefined unless both folders have a tokenizer. */
  readonly tokens: number | undefined
  /** Sentences on ids that only one of them names. */
  readonly notes: ReadonlyArray<string>
}

/**
 * The tokenizers of two folders, whose tokens are compared id by id.
 *
 * @error InvalidInput if an id means different tokens; DataError for a damaged file
 */
export const pairTokenizers = Effect.fnUntraced(function* (
  target: string,
  draft: string,
): Effect.fn.Return<PairTokenizers, DataError | InvalidInput> {
  const [ours, theirs] = [yield* tokenizerOf(target), yield* tokenizerOf(draft)]
  if (ours === undefined || theirs === undefined) return { tokenizer: ours, tokens: undefined, notes: [] }
  const tokens = Math.max(ours.vocabularySize, theirs.vocabularySize)
  if (ours.fingerprint === theirs.fingerprint) return { tokenizer: ours, tokens, notes: [] }
  const { different, alone } = compareTokens(ours.json, theirs.json)
  if (different !== undefined) {
    const { id, a, b } = different
    return yield* new InvalidInput({
      what: "vocabularies",
      problems: [
        `id ${id} is ${JSON.stringify(a)} in ${target}/tokenizer.json and ${JSON.stringify(b)} in ${draft}/tokenizer.json; ` +
          "expected one vocabulary, as distributions are compared id by id: give a draft that was trained for this target (docs/vocabularies.md says which pairs can)",
      ],
    })
  }
  const names = (who: string, ids: number) =>
    ids === 0 ? [] : [`${who}'s tokenizer.json alone names ${ids} of the ids; the others mean the same tokens in both.`]
  return { tokenizer: ours, tokens, notes: [...names("The target", alone.a), ...names("The draft", alone.b)] }
})

const TokenIds = type({ eos_token_id: "number.integer | number.integer[] | null" })

/** `eos_token_id` of a JSON file of the folder; undefined if there is no file or it has no such key. */
const endIn = Effect.fnUntraced(function* (folder: string, name: string) {
  const file = join(folder, name)
  if (!existsSync(file)) return undefined
  const value: unknown = yield* Effect.try({
    try: () => parseJson(readRegularText(file, { most: 2 ** 24, what: "a configuration" })),
    catch: (error) => new DataError({ message: `${file} cannot be read: ${(error as Error).message}`, cause: error }),
  })
  if (typeof value !== "object" || value === null || !("eos_token_id" in value)) return undefined
  const parsed = TokenIds(value)
  if (parsed instanceof type.errors) return yield* new InvalidInput({ what: file, problems: [parsed.summary] })
  // Some files write -1 for none: no text has that token.
  return parsed.eos_token_id === null ? [] : [parsed.eos_token_id].flat().filter((id) => id >= 0)
})

/** The tokens that end a text, and the source that names them. */
export interface Ends {
  readonly ids: ReadonlyArray<number>
  readonly source: string
}

/**
 * The tokens that end a text, by the first source that names any: `--eos`, the target's generation_config.json, its
 * config.json (both in the reading of `transformers`: null is "none"), its tokenizer.
 *
 * @param given values of `--eos`: ids, texts of tokens, or `none`
 * @error InvalidInput for another value, or an id outside the vocabulary
 */
export const endsOf = Effect.fnUntraced(function* (
  folder: string,
  given: ReadonlyArray<string>,
  tokenizer: TargetCodec | undefined,
  vocabularySize: number,
) {
  const check = (ids: ReadonlyArray<number>, source: string): Effect.Effect<Ends, InvalidInput> => {
    const outside = ids.find((id) => id >= vocabularySize)
    if (outside === undefined) return Effect.succeed({ ids, source })
    const problem = `${outside} ends a text, but the vocabulary has ids 0 to ${vocabularySize - 1}; give --eos ID, or --eos none`
    return Effect.fail(new InvalidInput({ what: source, problems: [problem] }))
  }
  if (given.includes("none") && given.length === 1) return { ids: [], source: "--eos" } satisfies Ends
  const named = given.map((text) => ({ text, id: /^\d+$/.test(text) ? Number(text) : tokenizer?.idOf(text) }))
  const ids = named.flatMap(({ id }) => id ?? [])
  const wrong = named.find(({ id }) => id === undefined)
  if (wrong !== undefined) {
    const hint =
      tokenizer === undefined ? `${folder} has no tokenizer.json to find a name in` : "no token has this text"
    const problems = [`expected a token id or the text of a token, repeated for several, or none alone; ${hint}`]
    return yield* new InvalidInput({ what: `--eos ${wrong.text}`, problems })
  }
  if (given.length > 0) return yield* check([...new Set(ids)], "--eos")
  for (const name of ["generation_config.json", "config.json"]) {
    const ids = yield* endIn(folder, name)
    if (ids !== undefined) return yield* check(ids, name)
  }
  const end = tokenizer?.end
  return yield* check(end === undefined ? [] : [end.id], end === undefined ? "nothing" : "tokenizer")
})
