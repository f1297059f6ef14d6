/** signals.json: the content of a cache of signals, its inputs, and the checksums of its pieces. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { DataError } from "@winnow/core"
import { parseJson } from "@winnow/files"
import { type } from "arktype"

/**
 * The identity of a cache, field by field, such as `weights`, `data`, `tokenizer`, `form` and `code`: a cache of
 * another identity is refused. Values are compared exactly; they are hashes, keys or plain settings.
 */
export type SignalsIdentity = Readonly<Record<string, string>>

const natural = "number.integer >= 0"
const piece = type({
  "+": "reject",
  file: /^piece-\d{5,}\.bin$/,
  firstExample: natural,
  examples: natural,
  firstRow: natural,
  rows: natural,
  bytes: natural,
  // xxHash3, 64 bits, as 16 hex digits: detects damage, not malice; the store's manifest has SHA-256.
  hash: /^[0-9a-f]{16}$/,
})
/** Consecutive examples, and the rows of their trained tokens: one file. */
export type Piece = typeof piece.infer

const header = type({
  "+": "reject",
  schema: "1",
  identity: "Record<string, string>",
  examples: natural,
  /** Rows: one for each covered token, in the order of the examples. */
  tokens: natural,
  bytesPerToken: "number.integer >= 1",
  pieces: piece.array(),
  /** A table beside the rows, float32: the head of a target whose hidden states are kept. */
  "table?": { file: "'table.bin'", shape: "number.integer[]", hash: "string", "logitCap?": "number > 0" },
})
export type SignalsHeader = typeof header.infer

/** Written last: its presence means that all pieces exist. */
export const headerFile = "signals.json"
/** During the computation of a cache: one line for each finished piece. */
export const journalFile = "pieces.jsonl"

export const hashOf = (bytes: Uint8Array): string => Bun.hash.xxHash3(bytes).toString(16).padStart(16, "0")

/** A line of the journal; undefined for one that a kill cut short. */
export const readPiece = (line: string): Piece | undefined => {
  try {
    const value = piece(parseJson(line))
    return value instanceof type.errors ? undefined : value
  } catch {
    return undefined
  }
}

/** @error DataError (thrown) for a cache that is unfinished, another file, or of another version */
export const readHeader = (directory: string): SignalsHeader => {
  const file = join(directory, headerFile)
  const fail = (problem: string) =>
    new DataError({ message: `${file}: ${problem}; every cache of signals has one: compute it again (--fresh)` })
  let content: unknown
  try {
    content = parseJson(readFileSync(file, "utf8"))
  } catch (cause) {
    throw fail(String(cause))
  }
  const value = header(content)
  if (value instanceof type.errors) throw fail(value.summary)
  return value
}

/** @error DataError (thrown) that names every field that differs, with both values */
export const checkIdentity = (directory: string, actual: SignalsIdentity, expected: SignalsIdentity): void => {
  const fields = [...new Set([...Object.keys(expected), ...Object.keys(actual)])].filter(
    (field) => actual[field] !== expected[field],
  )
  if (fields.length === 0) return
  const each = fields.map((f) => `${f} is ${actual[f] ?? "absent"}, this run has ${expected[f] ?? "none"}`)
  throw new DataError({
    message: `the cache of signals ${directory} was made of something else: ${each.join("; ")}. Make one for this run`,
  })
}
