/** Facts in the two model folders beside the weights: the meaning of tokens, and the token that ends a text. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { DataError, InvalidInput } from "@winnow/core"
import { type Codec, loadCodec } from "@winnow/data"
import { parseJson, readRegularText } from "@winnow/files"
import { type } from "arktype"
import { Effect } from "effect"

/** BPE and WordPiece map tokens to ids; Unigram lists tokens with their scores in the order of ids. */
const Words = type({
  model: { vocab: type("Record<string, number>").or(type(["string", "number"]).array()) },
  "added_tokens?": type({ id: "number", content: "string" }).array(),
})

/** The token of each id that a `tokenizer.json` names; empty if it is of another form. */
export const tokensById = (json: unknown): ReadonlyMap<number, string> => {
  const words = Words(json)
  if (words instanceof type.errors) return new Map()
  const { vocab } = words.model
  const named = Array.isArray(vocab)
    ? vocab.map(([token], id) => [id, token] as const)
    : Object.entries(vocab).map(([token, id]) => [id, token] as const)
  return new Map([...named, ...(words.added_tokens ?? []).map(({ id, content }) => [id, content] as const)])
}

/** The lowest id with different tokens in a and b, with both tokens; undefined if all ids agree. */
export const firstDifference = (
  a: ReadonlyMap<number, string>,
  b: ReadonlyMap<number, string>,
): { readonly id: number; readonly a: string | undefined; readonly b: string | undefined } | undefined => {
  let id = Number.POSITIVE_INFINITY
  for (const key of [...a.keys(), ...b.keys()]) if (key < id && a.get(key) !== b.get(key)) id = key
  return Number.isFinite(id) ? { id, a: a.get(id), b: b.get(id) } : undefined
}

/** The target's tokenizer; `end` if it names one, or has a usual one. */
export type TargetCodec = Codec & { readonly end: { readonly id: number; readonly text: string } | undefined }

const tokenizerOf = (folder: string): Effect.Effect<TargetCodec | undefined, DataError | InvalidInput> =>
  existsSync(join(folder, "tokenizer.json")) ? loadCodec(folder) : Effect.succeed(undefined)

const quoted = (token: string | undefined) => (token === undefined ? "no token" : JSON.stringify(token))

/**
 * The target's tokenizer, if its folder has one.
 *
 * @error InvalidInput if both folders have one and an id means different tokens; DataError for a damaged one
 */
export const sharedTokenizer = Effect.fnUntraced(function* (target: string, draft: string) {
  const [ours, theirs] = [yield* tokenizerOf(target), yield* tokenizerOf(draft)]
  if (ours === undefined || theirs === undefined || ours.fingerprint === theirs.fingerprint) return ours
  const different = firstDifference(tokensById(ours.json), tokensById(theirs.json))
  if (different === undefined) return ours // The ids are the same and the cuts differ: the target encodes the prompts.
  const { id, a, b } = different
  return yield* new InvalidInput({
    what: "vocabularies",
    problems: [
      `id ${id} is ${quoted(a)} in ${target}/tokenizer.json and ${quoted(b)} in ${draft}/tokenizer.json; ` +
        "expected one vocabulary, as distributions are compared id by id: give a draft that was made for this target",
    ],
  })
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
