/** The text of each token as a page shows it: never a wrong character, bytes in hex where they are no text. */
import { byteCharacters, tokensById } from "@winnow/data"
import type { Piece } from "./document.ts"

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Bytes as text if they are whole characters, else in hex. */
export const pieceOfBytes = (bytes: Uint8Array): Piece => {
  try {
    return decoder.decode(bytes)
  } catch {
    return { hex: Buffer.from(bytes).toString("hex") }
  }
}

const byteOf = new Map(byteCharacters.map((character, byte) => [character, byte]))

/** The bytes that a token of the byte-level alphabet spells; undefined for a token with another character. */
const bytesIn = (token: string): Uint8Array | undefined => {
  const bytes = [...token].map((character) => byteOf.get(character))
  return bytes.every((byte) => byte !== undefined) ? Uint8Array.from(bytes) : undefined
}

/** True if a part of a tokenizer's file, or a part in it, is of this type. */
const has = (part: unknown, name: string): boolean => {
  if (typeof part !== "object" || part === null) return false
  if (Array.isArray(part)) return part.some((one) => has(one, name))
  const { type, decoders, pretokenizers } = part as Readonly<Record<string, unknown>>
  return type === name || has(decoders, name) || has(pretokenizers, name)
}

/**
 * A function from ids to pieces, by the content of a `tokenizer.json`. The tokenizer's own `decode` is no such function: it
 * drops the space that a word begins with, and puts U+FFFD in the place of half a character.
 */
export const piecesBy = (json: object): ((id: number) => Piece) => {
  const tokens = tokensById(json)
  const {
    decoder,
    pre_tokenizer,
    added_tokens = [],
  } = json as {
    readonly decoder?: unknown
    readonly pre_tokenizer?: unknown
    readonly added_tokens?: ReadonlyArray<{ readonly id: number }>
  }
  const added = new Set(added_tokens.map(({ id }) => id))
  const isByteLevel = has(decoder, "ByteLevel") || has(pre_tokenizer, "ByteLevel")
  return (id) => {
    const token = tokens.get(id)
    if (token === undefined) return `<id ${id}>`
    if (added.has(id)) return token
    if (isByteLevel) {
      const bytes = bytesIn(token)
      return bytes === undefined ? token : pieceOfBytes(bytes)
    }
    const byte = /^<0x([0-9A-F]{2})>$/i.exec(token)
    if (byte !== null) return pieceOfBytes(Uint8Array.of(Number.parseInt(byte[1]!, 16)))
    return token.replaceAll("\u2581", " ")
  }
}
