/**
 * Computes a cache of signals: the rows of all covered tokens of a data set, in pieces that survive a kill.
 *
 * A piece is written beside its place, flushed, renamed into it, and then noted with its checksum. A noted piece that
 * still has its checksum is not computed again, so a kill costs only the current piece. `signals.json` comes last.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs"
import { join } from "node:path"
import { DataError, type EncodedExample, InvalidInput } from "@winnow/core"
import { type Batch, collate, packsByLength } from "@winnow/data"
import { freeBytes, parseJson, writeWhole } from "@winnow/files"
import { Effect } from "effect"
import { type Covered, trainedTokens } from "./covered.ts"
import {
  checkIdentity,
  hashOf,
  headerFile,
  journalFile,
  type Piece,
  readHeader,
  readPiece,
  type SignalsHeader,
  type SignalsIdentity,
} from "./header.ts"
import { identityOf, piecesOf, type Shard } from "./shards.ts"

/** The size of a cache and the free space, known before any write. */
export interface SignalsSize {
  readonly tokens: number
  readonly bytesPerToken: number
  /** Bytes of the whole cache, and of the part that is still to be written. */
  readonly bytes: number
  readonly bytesLeft: number
  /** Free bytes on the disk. */
  readonly free: number
}

export interface WriteOptions {
  readonly directory: string
  /** Of the whole cache. */
  readonly identity: SignalsIdentity
  readonly examples: ReadonlyArray<EncodedExample>
  /** The part of the pieces to write; all of them by default. */
  readonly shard?: Shard | undefined
  /** The tokens with a row; the trained ones if left out. */
  readonly covered?: Covered | undefined
  readonly bytesPerToken: number
  /** The rows of a batch's covered tokens, in their order: bytesPerToken bytes each, copied before the next call. */
  readonly encode: (batch: Batch) => Uint8Array
  /** A table that is written beside the rows. */
  readonly table?: {
    readonly shape: ReadonlyArray<number>
    readonly values: () => Float32Array
    readonly logitCap?: number | undefined
  }
  /** Called once, before any computation or write. */
  readonly onSize?: (size: SignalsSize) => void
  readonly onProgress?: (tokens: number, of: number) => void
  /** Called for damaged leftovers of an earlier attempt, which are computed again. */
  readonly onDamage?: (text: string) => void
  /** Largest piece; by default the smaller of 64 MiB and 32 768 tokens: some seconds of work. */
  readonly piece?: { readonly bytes: number; readonly tokens: number }
  /** Padded tokens of a forward pass; 2048 by default. */
  readonly batchTokens?: number
  /** Bytes free on the disk of a folder; from the system by default. */
  readonly freeBytes?: (directory: string) => number
}

/** Bytes to leave free on the disk, for the header, the store's manifest, other processes. */
const margin = 32 * 2 ** 20

export type Planned = Omit<Piece, "hash">

/**
 * Cuts the examples into pieces, none larger than the limit by more than one example; equal lengths give equal pieces.
 */
export const planPieces = (
  offset_E: Float64Array,
  bytesPerToken: number,
  most: { readonly bytes: number; readonly tokens: number },
): ReadonlyArray<Planned> => {
  const rowsWanted = Math.max(1, Math.min(most.tokens, Math.floor(most.bytes / bytesPerToken)))
  const examples = offset_E.length - 1
  const pieces: Array<Planned> = []
  for (let first = 0; first < examples; ) {
    let next = first + 1
    while (next < examples && offset_E[next]! - offset_E[first]! < rowsWanted) next++
    const rows = offset_E[next]! - offset_E[first]!
    const file = `piece-${String(pieces.length).padStart(5, "0")}.bin`
    pieces.push({
      file,
      firstExample: first,
      examples: next - first,
      firstRow: offset_E[first]!,
      rows,
      bytes: rows * bytesPerToken,
    })
    first = next
  }
  // An example without a trained token has no row; a piece of only such examples would be an empty file, which cannot
  // be mapped.
  return pieces.filter(({ rows }) => rows > 0)
}

/** Adds a line to the journal and flushes it, before any step relies on it. */
const note = (file: string, line: Uint8Array) => {
  const handle = openSync(file, "a")
  try {
    for (let done = 0; done < line.length; ) done += writeSync(handle, line, done)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

const text = (value: unknown) => new TextEncoder().encode(`${JSON.stringify(value)}\n`)

/** The first line of the journal: the identity of the pieces. */
const identityLine = (identity: SignalsIdentity) => {
  const own = JSON.stringify(identity)
  return text({ identity, hash: hashOf(new TextEncoder().encode(own)) })
}

/** The identity in a first line; undefined if it is damaged. */
const readIdentity = (line: string): SignalsIdentity | undefined => {
  try {
    const { identity, hash } = parseJson(line) as { identity: SignalsIdentity; hash: string }
    return hashOf(new TextEncoder().encode(JSON.stringify(identity))) === hash ? identity : undefined
  } catch {
    return undefined
  }
}

/** The pieces that an earlier attempt noted, in its journal, or in its header if it was stopped after that. */
const noted = ({ directory, identity, onDamage = () => {} }: WriteOptions): ReadonlyArray<Piece | undefined> => {
  const journal = join(directory, journalFile)
  if (!existsSync(journal)) {
    if (!existsSync(join(directory, headerFile))) return []
    const header = readHeader(directory)
    checkIdentity(directory, header.identity, identity)
    return header.pieces
  }
  const lines = readFileSync(journal, "utf8").split("\n")
  const earlier = readIdentity(lines[0]!)
  if (earlier === undefined) {
    onDamage(`the first line of ${journal} is damaged; all signals are computed again`)
    return []
  }
  checkIdentity(directory, earlier, identity)
  return lines.slice(1, -1).map(readPiece)
}

/** The pieces that an earlier attempt finished: noted, part of this plan, and with the noted checksum. */
const finished = (options: WriteOptions, plan: ReadonlyArray<Planned>): Map<string, Piece> => {
  const { directory, onDamage = () => {} } = options
  const planned = new Map(plan.map((piece) => [piece.file, JSON.stringify(piece)]))
  const done = new Map<string, Piece>()
  for (const entry of noted(options)) {
    if (entry === undefined || !planned.has(entry.file)) {
      onDamage(`a line of ${join(directory, journalFile)} is damaged; its piece is computed again`)
      continue
    }
    const { hash, ...rest } = entry
    const file = join(directory, entry.file)
    if (JSON.stringify(rest) === planned.get(entry.file) && existsSync(file) && hashOf(readFileSync(file)) === hash)
      done.set(entry.file, entry)
    else onDamage(`${file} is damaged; it is computed again`)
  }
  return done
}

/** Batches of a piece's examples, of at most `batchTokens` padded tokens or one example: like lengths together. */
function* batchesOf(
  examples: ReadonlyArray<EncodedExample>,
  offset_E: Float64Array,
  piece: Planned,
  batchTokens: number,
): Generator<Batch> {
  const indices = Array.from({ length: piece.examples }, (_, i) => piece.firstExample + i).filter(
    (e) => offset_E[e + 1]! > offset_E[e]!,
  )
  for (const pack of packsByLength(indices, (e) => examples[e]!.ids.length - 1, batchTokens, "shortest first"))
    yield collate(
      pack.map((e) => examples[e]!),
      0,
      Int32Array.from(pack),
    )
}

/**
 * Writes a cache into a folder, reusing the pieces of an earlier attempt.
 *
 * @error DataError if the disk has too little room, before any computation; if the folder holds pieces of another
 * identity; if a file cannot be written
 */
export const writeSignals = (options: WriteOptions): Effect.Effect<SignalsHeader, DataError | InvalidInput> =>
  Effect.gen(function* () {
    const { directory, examples, shard, covered = trainedTokens, bytesPerToken, encode, table } = options
    const identity = identityOf(options.identity, shard)
    const { onSize = () => {}, onProgress = () => {}, freeBytes: freeOn = freeBytes } = options
    const attempt = <A>(run: () => A): Effect.Effect<A, DataError | InvalidInput> =>
      Effect.try({
        try: run,
        catch: (cause) =>
          cause instanceof DataError || cause instanceof InvalidInput // A fault of the loss is an error of its author.
            ? cause
            : new DataError({
                message: `signals ${directory}: ${cause instanceof Error ? cause.message : cause}`,
                cause,
              }),
      })
    const offset_E = covered.offsets(examples)
    const pieces = planPieces(offset_E, bytesPerToken, options.piece ?? { bytes: 64 * 2 ** 20, tokens: 32_768 })
    const plan = piecesOf(pieces, shard)
    const tokens = plan.reduce((sum, { rows }) => sum + rows, 0)
    const done = yield* attempt(() => {
      mkdirSync(directory, { recursive: true })
      for (const name of readdirSync(directory)) // Unfinished writes of a killed attempt.
        if (/^(piece-\d+\.bin|table\.bin|signals\.json|pieces\.jsonl)\.[\w-]+\.tmp$/.test(name))
          rmSync(join(directory, name))
      const done = finished({ ...options, identity }, plan)
      const tableBytes = (table?.shape ?? [0]).reduce((a, b) => a * b, 4)
      const left = plan.filter(({ file }) => !done.has(file)).reduce((sum, { bytes }) => sum + bytes, 0)
      const free = freeOn(directory)
      const bytesLeft = left + tableBytes
      onSize({ tokens, bytesPerToken, bytes: tokens * bytesPerToken + tableBytes, bytesLeft, free })
      if (bytesLeft + margin > free)
        throw new DataError({
          message:
            `signals ${directory} need ${mebibytes(bytesLeft)} more on the disk (${tokens} tokens of ${bytesPerToken} ` +
            `bytes), and ${mebibytes(free)} are free; free some, or choose a smaller form`,
        })
      // The journal is written again, so that it ends with a whole line after any attempt.
      writeWhole(
        join(directory, journalFile),
        Buffer.concat([identityLine(identity), ...[...done.values()].map((piece) => text(piece))]),
      )
      return done
    })

    let written = [...done.values()].reduce((sum, { rows }) => sum + rows, 0)
    if (written > 0) onProgress(written, tokens)
    for (const piece of plan) {
      if (done.has(piece.file)) continue
      const content = new Uint8Array(piece.bytes)
      for (const batch of batchesOf(examples, offset_E, piece, options.batchTokens ?? 2048)) {
        yield* attempt(() => {
          const rows = encode(batch)
          let at = 0
          for (const e of batch.example_B) {
            const bytes = (offset_E[e + 1]! - offset_E[e]!) * bytesPerToken
            content.set(rows.subarray(at, at + bytes), (offset_E[e]! - piece.firstRow) * bytesPerToken)
            at += bytes
          }
          onProgress((written += covered.rowsOf(batch)), tokens)
        })
        yield* Effect.yieldNow
      }
      yield* attempt(() => {
        const whole: Piece = { ...piece, hash: hashOf(content) }
        writeWhole(join(directory, piece.file), content)
        note(join(directory, journalFile), text(whole))
        done.set(piece.file, whole)
      })
    }
    return yield* attempt(() => {
      const header: SignalsHeader = {
        schema: 1,
        identity,
        examples: examples.length,
        tokens,
        bytesPerToken,
        pieces: plan.map(({ file }) => done.get(file)!),
        ...(table === undefined ? {} : { table: writeTable(directory, table) }),
      }
      writeWhole(join(directory, headerFile), text(header))
      rmSync(join(directory, journalFile), { force: true })
      return header
    })
  })

const writeTable = (directory: string, { shape, values, logitCap }: NonNullable<WriteOptions["table"]>) => {
  const floats = values()
  const bytes = new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength)
  writeWhole(join(directory, "table.bin"), bytes)
  return {
    file: "table.bin" as const,
    shape: [...shape],
    hash: hashOf(bytes),
    ...(logitCap !== undefined && { logitCap }),
  }
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`
