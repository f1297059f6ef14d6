/** A `tokenizer.json` in use: text to ids and back by the tokenizers library, so both agree with Python's package. */
import { InvalidInput } from "@winnow/core"
import { sha256 } from "@winnow/files"
import { Effect } from "effect"
import type { Tokenizer as Native } from "tokenizers"
import { configNotes } from "./config-notes.ts"
import { framingOf, startInConfig } from "./framing.ts"
import { library } from "./library.ts"
import { libraryFaults } from "./library-faults.ts"
import { formProblems, plainJson, spelling } from "./special-tokens.ts"
import { type CheckedJson, checkJson } from "./tokenizer-json.ts"
import { withWordMemo } from "./word-memo.ts"

/** The encoding of text that spells a special token. */
export interface EncodeOptions {
  /** "text": like any other text, the default; "ids": as the special token, the reading of a chat template. */
  readonly specialTokens?: "text" | "ids"
}

/** A vocabulary and the rule that cuts text into it. */
export interface Codec {
  /** Largest id + 1, added tokens included; a model may have more rows than this, never fewer. */
  readonly vocabularySize: number
  /**
   * Ids of each text, without additions at either end and without cuts. Calls with many texts are fast: the library
   * encodes them in parallel.
   *
   * @error InvalidInput for a text that the tokenizer cannot encode, such as one with an unknown word and no unknown
   * token
   */
  readonly encode: (
    texts: ReadonlyArray<string>,
    options?: EncodeOptions,
  ) => Effect.Effect<ReadonlyArray<Int32Array>, InvalidInput>
  /**
   * The text of the ids, special tokens included; bytes that are not UTF-8 become U+FFFD, ids without a token are left
   * out.
   */
  readonly decode: (ids: Iterable<number>) => string
  /** The id of a token's text; undefined if there is no such token. */
  readonly idOf: (token: string) => number | undefined
  /** The special tokens that a text spells, with repetitions. */
  readonly spelled: (text: string) => ReadonlyArray<string>
  /** SHA-256 of the content of `tokenizer.json` (without white space), hex: equal only for equal tokenizers. */
  readonly fingerprint: string
  /** The content of `tokenizer.json`. */
  readonly json: object
  /** Notes for a user, a sentence each: requests of the file that Winnow does not follow. */
  readonly notes: ReadonlyArray<string>
}

/**
 * Characters of a call to the library: a fraction of a second, so that an interruption takes effect between two calls.
 */
const charactersACall = 2 ** 20

const open = (json: object): Native => {
  const { Tokenizer } = library()
  const faults = libraryFaults(json)
  if (faults.length > 0) throw new InvalidInput({ what: "tokenizer.json", problems: faults })
  try {
    return Tokenizer.fromString(JSON.stringify(json))
  } catch (cause) {
    const problems = [`is refused by the tokenizers library: ${(cause as Error).message}`]
    throw new InvalidInput({ what: "tokenizer.json", problems })
  }
}

/** Notes on a file: settings that are not followed, and statements that are not true. */
const notesOf = (checked: CheckedJson, config: object, encoder: Native): ReadonlyArray<string> => {
  const { added, dropout, truncation, padding, postProcessor } = checked
  const notes: Array<string> = []
  if (dropout > 0)
    notes.push(
      `tokenizer.json has a dropout of ${dropout}, which cuts the same text differently each time; it is switched off here`,
    )
  for (const [name, asks] of [
    ["truncation", truncation],
    ["padding", padding],
  ] as const)
    if (asks !== undefined) notes.push(`tokenizer.json has ${name} ${JSON.stringify(asks)}; it is not applied here`)
  const { before, after } = framingOf(postProcessor)
  const configured = startInConfig(config)
  const first = before.length === 0 && configured !== undefined ? [configured] : before
  const named = (tokens: ReadonlyArray<string>) =>
    tokens.map((token) => `${token} (id ${encoder.tokenToId(token) ?? "unknown"})`).join(" ")
  if (first.length > 0)
    notes.push(
      `the tokenizer begins a text with ${named(first)}, and a model that was trained so expects it; no token is put before a text here`,
    )
  if (after.length > 0) notes.push(`the tokenizer ends a text with ${named(after)}; that is not done here`)
  for (const { id, content } of added) {
    const actualId = encoder.tokenToId(content)
    if (actualId !== id && content !== "")
      notes.push(
        `added_tokens gives ${JSON.stringify(content)} the id ${id}; the tokenizers library gives it ${actualId}, here as in Python`,
      )
  }
  return notes
}

/** Parts of the list, each with about as many characters as a call takes. */
function* callsOf(texts: ReadonlyArray<string>): Generator<ReadonlyArray<string>> {
  let part: Array<string> = []
  let characters = 0
  for (const text of texts) {
    part.push(text)
    characters += text.length
    if (characters < charactersACall) continue
    yield part
    part = []
    characters = 0
  }
  if (part.length > 0) yield part
}

const quoted = (text: string) => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text)

/** Ids of a few texts. If the library refuses, the texts are tried one by one, to name the one at fault. */
const encodePart = (
  encoder: Native,
  texts: ReadonlyArray<string>,
): Effect.Effect<ReadonlyArray<Int32Array>, InvalidInput> => {
  const options = { addSpecialTokens: false }
  const refused = (why: string) => new InvalidInput({ what: "tokenizer.json", problems: [why] })
  return Effect.tryPromise({
    try: async () => {
      const encodings = await encoder.encodeBatch([...texts], options)
      return encodings.map((encoding) => Int32Array.from(encoding.getIds()))
    },
    catch: (cause) => refused(`cannot encode: ${(cause as Error).message}`),
  }).pipe(
    Effect.catch((whole) =>
      Effect.gen(function* () {
        for (const text of texts)
          yield* Effect.tryPromise({
            try: () => encoder.encode(text, null, options),
            catch: (own) => refused(`the text ${quoted(text)} cannot be encoded: ${(own as Error).message}`),
          })
        return yield* whole
      }),
    ),
  )
}

/**
 * A codec from the parsed content of a `tokenizer.json`.
 *
 * @param config content of the `tokenizer_config.json` beside it: read for notes
 * @error InvalidInput (thrown) for content that is no tokenizer
 * @error DataError (thrown) if the library does not load on this machine
 */
export const makeCodec = (json: object, config: object = {}): Codec => {
  const checked = checkJson(json)
  const { added, vocabulary, dropout } = checked
  const asUsed = {
    ...json,
    ...{ truncation: null, padding: null },
    ...(dropout > 0 && { model: { ...(json as { model: object }).model, dropout: null } }),
  }
  const encoder = open(asUsed)
  const normalizer = checked.normalizer === undefined ? null : encoder.getNormalizer()
  const normalize = normalizer === null ? undefined : (text: string) => normalizer.normalizeString(text)
  const problems = formProblems(checked, normalize)
  if (problems.length > 0) throw new InvalidInput({ what: "tokenizer.json", problems })
  const spelled = spelling(checked, normalize)
  const hasNormalized = normalize !== undefined && added.some((token) => token.special && token.normalized)
  let plain: Native | undefined
  const plainEncoder = () => {
    plain ??= open(plainJson(asUsed, checked, normalize))
    return plain
  }

  const decoder = encoder.getDecoder()
  const tokens = new Map<number, string | null>()
  const tokenOf = (id: number): string | null => {
    if (!Number.isInteger(id) || id < 0 || id >= 2 ** 32) return null
    let token = tokens.get(id)
    if (token === undefined) {
      token = encoder.idToToken(id)
      tokens.set(id, token)
    }
    return token
  }
  let vocabularySize = 0
  for (const id of vocabulary.values()) vocabularySize = Math.max(vocabularySize, id + 1)
  for (const { content } of added) vocabularySize = Math.max(vocabularySize, (encoder.tokenToId(content) ?? -1) + 1)

  const contents = added.map(({ content }) => content).filter((content) => content !== "")
  const encodeAs = (specialTokens: "text" | "ids") =>
    withWordMemo(
      Effect.fnUntraced(function* (texts: ReadonlyArray<string>) {
        // Texts without a special token have the same ids in both modes.
        const asText = specialTokens === "text" && (hasNormalized || texts.some((text) => spelled(text).length > 0))
        if (!asText) return yield* encodePart(encoder, texts)
        const plainOne = yield* Effect.try({ try: plainEncoder, catch: (error) => error as InvalidInput })
        return yield* encodePart(plainOne, texts)
      }),
      json as Readonly<Record<string, unknown>>,
      contents,
    )
  const encoders = { text: encodeAs("text"), ids: encodeAs("ids") }

  return {
    vocabularySize,
    encode: Effect.fnUntraced(function* (
      texts: ReadonlyArray<string>,
      { specialTokens = "text" }: EncodeOptions = {},
    ): Effect.fn.Return<ReadonlyArray<Int32Array>, InvalidInput> {
      const out: Array<Int32Array> = []
      for (const part of callsOf(texts)) {
        for (const ids of yield* encoders[specialTokens](part)) out.push(ids)
        yield* Effect.yieldNow // Words in the memo do not yield to the event loop.
      }
      return out
    }),
    decode: (ids) => {
      const list: Array<string> = []
      for (const id of ids) {
        const token = tokenOf(id)
        if (token !== null) list.push(token)
      }
      if (list.length === 0) return ""
      return decoder === null ? list.join(" ") : decoder.decode(list)
    },
    idOf: (token) => encoder.tokenToId(token) ?? undefined,
    spelled,
    fingerprint: sha256(JSON.stringify(json)),
    json,
    notes: [
      ...notesOf(checked, config, encoder),
      ...configNotes(json as Readonly<Record<string, unknown>>, config, (token) => encoder.tokenToId(token)),
    ],
  }
}
