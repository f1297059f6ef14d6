/** A tokenizer: text to ids and back by a `tokenizer.json`, and the token that ends a sequence. */
import { statSync } from "node:fs"
import { dirname, join } from "node:path"
import { DataError, InvalidInput } from "@winnow/core"
import { fileErrorOf, parseJson, readRegularText } from "@winnow/files"
import { type } from "arktype"
import { Effect } from "effect"
import { endOfText } from "./byte-level.ts"
import { type Codec, makeCodec } from "./codec.ts"

/** A codec with the token that ends a sequence. */
export interface Tokenizer extends Codec {
  /** The token that ends a sequence, and its text. */
  readonly eosId: number
  readonly eos: string
}

const Config = type({ "eos_token?": type("string | null").or({ content: "string" }) })

/** Ends to look for if none is named: GPT-2 and NeoX, Llama, chat models. */
const usualEnds = [endOfText, "</s>", "<|im_end|>", "<|end_of_text|>"]

/** A tokenizer with its end, or the reason why it has none. */
interface Ended {
  readonly codec: Codec
  readonly end: { readonly id: number; readonly text: string } | undefined
  /** The reason why there is no end. */
  readonly missing: string
}

const withEnd = (json: object, options: { readonly eos?: string; readonly config?: object }): Ended => {
  const config = Config(options.config ?? {})
  if (config instanceof type.errors)
    throw new InvalidInput({ what: "tokenizer_config.json", problems: [config.summary] })
  const codec = makeCodec(json, options.config)
  const named = options.eos ?? (typeof config.eos_token === "object" ? config.eos_token?.content : config.eos_token)
  const text = named ?? usualEnds.find((end) => codec.idOf(end) !== undefined)
  const id = text === undefined ? undefined : codec.idOf(text)
  if (text !== undefined && id !== undefined) return { codec, end: { id, text }, missing: "" }
  const { added_tokens = [] } = json as { added_tokens?: ReadonlyArray<{ content: string }> }
  const added = added_tokens.map(({ content }) => content).join(" ") || "none"
  const state = text === undefined ? `none of ${usualEnds.join(" ")} is in it` : `${JSON.stringify(text)} is not in it`
  const missing = `found no end-of-sequence token: ${state}; its added tokens: ${added}; name one with eos`
  return { codec, end: undefined, missing }
}

/**
 * A tokenizer from the parsed content of a `tokenizer.json`.
 *
 * @param options.eos text of the token that ends a sequence; else the config's `eos_token`, else a usual one
 * @param options.config content of the `tokenizer_config.json` beside it
 * @error InvalidInput (thrown) for content that is no tokenizer, or that has no such end token
 * @error DataError (thrown) if the tokenizers library does not load on this machine
 */
export const makeTokenizer = (
  json: object,
  options: { readonly eos?: string; readonly config?: object } = {},
): Tokenizer => {
  const { codec, end, missing } = withEnd(json, options)
  if (end === undefined) throw new InvalidInput({ what: "tokenizer.json", problems: [missing] })
  return { ...codec, eos: end.text, eosId: end.id }
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

/** A few times larger than any published tokenizer.json. */
const most = 2 ** 28

/** The tokenizer's file of a path: the file itself, or `tokenizer.json` in a folder. */
export const tokenizerPath = (path: string): string => {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
  return isFolder ? join(path, "tokenizer.json") : path
}

/** Reads the file of a path and the `tokenizer_config.json` beside it, and applies `make` to them. */
const load = <A>(
  path: string,
  make: (json: object, config: object | undefined) => A,
): Effect.Effect<A, DataError | InvalidInput> =>
  Effect.suspend(() => {
    const file = tokenizerPath(path)
    const at = `in ${dirname(file)}`
    return Effect.gen(function* () {
      const json = yield* readJson(file)
      if (json === undefined) {
        const missing = file === path ? `there is no file ${path}` : `no tokenizer.json in ${path}`
        return yield* new DataError({ message: `${missing}; save one there, or name another place` })
      }
      const config = yield* readJson(join(dirname(file), "tokenizer_config.json"))
      return yield* Effect.try({
        try: () => make(json, config),
        catch: (error) => {
          if (error instanceof DataError) return error
          const { what, problems } =
            error instanceof InvalidInput ? error : { what: "tokenizer.json", problems: [String(error)] }
          return new InvalidInput({ what: what === "tokenizer.json" ? file : `${what} ${at}`, problems })
        },
      })
    })
  })

/**
 * Reads a tokenizer in Hugging Face format: a folder with a `tokenizer.json`, or a file of any name, and the
 * `tokenizer_config.json` beside it, if there is one.
 *
 * @error DataError for a file that is missing or not JSON, or if the tokenizers library does not load on this machine
 * @error InvalidInput for a tokenizer that cannot be used
 */
export const loadTokenizer = (
  path: string,
  options: { readonly eos?: string } = {},
): Effect.Effect<Tokenizer, DataError | InvalidInput> =>
  load(path, (json, config) => makeTokenizer(json, { ...options, ...(config && { config }) }))

/**
 * Reads a tokenizer like `loadTokenizer`, for callers that do not need an end: it has one if an end is named or usual.
 *
 * @error DataError, InvalidInput as `loadTokenizer`, except for a missing end
 */
export const loadCodec = (
  path: string,
): Effect.Effect<Codec & { readonly end: Ended["end"] }, DataError | InvalidInput> =>
  load(path, (json, config) => {
    const { codec, end, missing } = withEnd(json, config ? { config } : {})
    const { eos_token: named } = (config ?? {}) as { readonly eos_token?: unknown }
    const notes = end === undefined && named != null ? [missing] : []
    return { ...codec, end, notes: [...codec.notes, ...notes] }
  })

/** The object in a JSON file; undefined if there is no such file. */
const readJson = (file: string): Effect.Effect<object | undefined, DataError> =>
  Effect.try({
    try: () => {
      const value = parseJson(readRegularText(file, { most, what: "a tokenizer's file" }))
      if (typeof value !== "object" || value === null) throw new Error(`holds ${JSON.stringify(value)}, not an object`)
      return value
    },
    catch: (error) => error,
  }).pipe(
    Effect.catch((error) => {
      const fileError = fileErrorOf(error, file)
      if (fileError?.code === "ENOENT") return Effect.succeed(undefined)
      const message = fileError?.message ?? `${file} could not be read: ${String(error)}`
      return Effect.fail(new DataError({ message, cause: error }))
    }),
  )
