/** Text to ids and back, by a `tokenizer.json`: one encoder for tokenizers that are read and for those trained here. */
import { createHash } from "node:crypto"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { Tokenizer as Encoder } from "@huggingface/tokenizers"
import { DataError, InvalidInput } from "@winnow/core"
import { type } from "arktype"
import { Effect } from "effect"
import { endOfText } from "./byte-level.ts"
import { withWordMemo } from "./word-memo.ts"

/** A vocabulary and the rule that cuts text into it. */
export interface Tokenizer {
  /** Largest id + 1, added tokens included; a model may have more rows than this, never fewer. */
  readonly vocabularySize: number
  /** The token that ends a sequence, and its text. */
  readonly eosId: number
  readonly eos: string
  /** Ids of the text, nothing added at either end; special tokens written in the text are recognised as such. */
  readonly encode: (text: string) => Int32Array
  /** The text of the ids, special tokens included; bytes that are no UTF-8 become U+FFFD. */
  readonly decode: (ids: Iterable<number>) => string
  /** SHA-256 of what `tokenizer.json` holds (white space aside), hex: equal only for equal tokenizers. */
  readonly fingerprint: string
  /** What `tokenizer.json` holds. */
  readonly json: object
}

const Json = type({
  // The encoder takes any other type for BPE; some older files of GPT-2's kind leave it out.
  model: { "type?": "'BPE' | 'WordPiece' | 'Unigram'", vocab: "object" },
  "added_tokens?": type({ id: "number.integer >= 0", content: "string" }).array(),
})
const Config = type({ "eos_token?": type("string | null").or({ content: "string" }) })

/** Ends that are looked for where nobody names one: GPT-2 and NeoX, Llama, chat models. */
const usualEnds = [endOfText, "</s>", "<|im_end|>", "<|end_of_text|>"]

export const sha256 = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex")

/**
 * A tokenizer from the parsed content of a `tokenizer.json`.
 *
 * @param options.eos text of the token that ends a sequence; else the config's `eos_token`, else a usual one
 * @param options.config content of the `tokenizer_config.json` beside it
 * @error InvalidInput (thrown) when the content is no tokenizer, or has no such end token
 */
export const makeTokenizer = (
  json: object,
  options: { readonly eos?: string; readonly config?: object } = {},
): Tokenizer => {
  const checked = Json(json)
  if (checked instanceof type.errors) throw new InvalidInput({ what: "tokenizer.json", problems: [checked.summary] })
  const config = Config(options.config ?? {})
  if (config instanceof type.errors)
    throw new InvalidInput({ what: "tokenizer_config.json", problems: [config.summary] })

  const encoder = open(json, options.config ?? {})
  const named = options.eos ?? (typeof config.eos_token === "object" ? config.eos_token?.content : config.eos_token)
  const eos = named ?? usualEnds.find((end) => encoder.token_to_id(end) !== undefined)
  const eosId = eos === undefined ? undefined : encoder.token_to_id(eos)
  if (eos === undefined || eosId === undefined) {
    const added = checked.added_tokens?.map(({ content }) => content).join(" ") || "none"
    const found = eos === undefined ? `none of ${usualEnds.join(" ")} is in it` : `${JSON.stringify(eos)} is not in it`
    const problems = [`found no end-of-sequence token: ${found}; its added tokens: ${added}; name one with eos`]
    throw new InvalidInput({ what: "tokenizer.json", problems })
  }
  let vocabularySize = 0
  for (const id of encoder.get_vocab().values()) vocabularySize = Math.max(vocabularySize, id + 1)

  return {
    vocabularySize,
    eos,
    eosId,
    encode: withWordMemo(
      (text) => Int32Array.from(encoder.encode(text, { add_special_tokens: false }).ids),
      json as Readonly<Record<string, unknown>>,
      (checked.added_tokens ?? []).map(({ content }) => content),
    ),
    decode: (ids) => {
      const list = Array.from(ids)
      const as = { skip_special_tokens: false, clean_up_tokenization_spaces: false }
      return list.length === 0 ? "" : encoder.decode(list, as) // the encoder refuses an empty list
    },
    fingerprint: sha256(JSON.stringify(json)),
    json,
  }
}

const open = (json: object, config: object): Encoder => {
  try {
    return new Encoder({ added_tokens: [], ...json }, config)
  } catch (cause) {
    throw new InvalidInput({ what: "tokenizer.json", problems: [`is not supported: ${String(cause)}`] })
  }
}

/** The files that make a folder's tokenizer, by name: `transformers` opens them beside a model's weights. */
export const tokenizerFiles = (tokenizer: Tokenizer): Readonly<Record<string, string>> => ({
  "tokenizer.json": `${JSON.stringify(tokenizer.json, null, 2)}\n`,
  "tokenizer_config.json": `${JSON.stringify(
    { tokenizer_class: "PreTrainedTokenizerFast", eos_token: tokenizer.eos, clean_up_tokenization_spaces: false },
    null,
    2,
  )}\n`,
})

/**
 * Reads the tokenizer of a folder in Hugging Face format: `tokenizer.json` and, if there, `tokenizer_config.json`.
 *
 * @error DataError when the file is missing or no JSON
 * @error InvalidInput when it is no tokenizer that can be used
 */
export const loadTokenizer = Effect.fn("loadTokenizer")(function* (
  folder: string,
  options: { readonly eos?: string } = {},
): Effect.fn.Return<Tokenizer, DataError | InvalidInput> {
  const json = yield* readJson(join(folder, "tokenizer.json"))
  if (json === undefined) {
    const message = `no tokenizer.json in ${folder}; save one there, or name another folder`
    return yield* new DataError({ message })
  }
  const config = yield* readJson(join(folder, "tokenizer_config.json"))
  return yield* Effect.try({
    try: () => makeTokenizer(json, { ...options, ...(config === undefined ? {} : { config }) }),
    catch: (error) =>
      error instanceof InvalidInput
        ? new InvalidInput({ what: `${error.what} in ${folder}`, problems: error.problems })
        : new InvalidInput({ what: `tokenizer.json in ${folder}`, problems: [String(error)] }),
  })
})

/** The object in a JSON file; undefined when there is no such file. */
const readJson = (file: string): Effect.Effect<object | undefined, DataError> =>
  Effect.tryPromise({
    try: async () => {
      const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return undefined
        throw error
      })
      if (text === undefined) return undefined
      const value: unknown = JSON.parse(text)
      if (typeof value !== "object" || value === null) throw new Error(`holds ${JSON.stringify(value)}, not an object`)
      return value
    },
    catch: (error) => new DataError({ message: `${file} could not be read: ${String(error)}` }),
  })
