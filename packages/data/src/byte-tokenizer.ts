/** The tokenizer without a learned vocabulary: a token is a byte, id = byte, and 256 ends the sequence. */
import { sha256 } from "@winnow/files"
import { Effect } from "effect"
import { byteCharacters, endOfText, specialToken } from "./byte-level.ts"
import type { Tokenizer } from "./tokenizer.ts"

const eosId = 256

/** The same as a `tokenizer.json`, byte-level BPE without merges. Both give the same ids. */
const json = {
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: [specialToken(eosId, endOfText)],
  normalizer: null,
  pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
  post_processor: null,
  decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
  model: {
    type: "BPE",
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab: Object.fromEntries([...byteCharacters, endOfText].map((character, id) => [character, id])),
    merges: [],
  },
}

const idOf: ReadonlyMap<string, number> = new Map(Object.entries(json.model.vocab))

/** Bytes and an end, 257 ids. It encodes without a look-up, so it is many times faster than a `tokenizer.json`. */
export const byteTokenizer: Tokenizer = (() => {
  const encoder = new TextEncoder()
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
  const spelled = (text: string) => text.match(/<\|endoftext\|>/g) ?? []
  const asText = (text: string) => Int32Array.from(encoder.encode(text))
  const withEnds = (text: string) => {
    if (!text.includes(endOfText)) return asText(text)
    const parts = text.split(endOfText).map((part) => encoder.encode(part))
    return Int32Array.from(parts.flatMap((bytes, i) => (i === 0 ? [...bytes] : [eosId, ...bytes])))
  }
  return {
    vocabularySize: 257,
    eos: endOfText,
    eosId,
    encode: (texts, { specialTokens = "text" } = {}) =>
      Effect.sync(() => texts.map(specialTokens === "text" ? asText : withEnds)),
    decode: (ids) => {
      let text = ""
      let bytes: Array<number> = []
      const flush = () => {
        text += decoder.decode(Uint8Array.from(bytes))
        bytes = []
      }
      for (const id of ids) {
        if (id === eosId) {
          flush()
          text += endOfText
        } else if (Number.isInteger(id) && id >= 0 && id < eosId) bytes.push(id) // Rows beyond the tokenizer's ids have no text.
      }
      flush()
      return text
    },
    idOf: (token) => idOf.get(token),
    spelled,
    fingerprint: sha256(JSON.stringify(json)),
    json,
    notes: [],
  }
})()
