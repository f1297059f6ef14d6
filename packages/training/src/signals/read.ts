/**
 * Opens a cache of signals, in one folder or in shards: its files are mapped into memory, and each is verified by its
 * checksum at its first use.
 */
import { existsSync, statSync } from "node:fs"
import { join } from "node:path"
import type { EncodedExample } from "@winnow/core"
import { DataError } from "@winnow/core"
import type { Batch } from "@winnow/data"
import { type Covered, trainedTokens } from "./covered.ts"
import { checkIdentity, hashOf, readHeader, type SignalsHeader, type SignalsIdentity } from "./header.ts"
import { identityOf, readShards, shardsFile } from "./shards.ts"

/** An open cache; its memory is freed when no reference to it is left. */
export interface OpenSignals {
  readonly directory: string
  /** Of a cache in shards: the header that it would have in one folder. */
  readonly header: SignalsHeader
  /**
   * Passes the bytes of a batch's rows, sequence by sequence, in the order of the batch: `use(bytes, n, s)` with the index
   * n of the first of them among the batch's covered tokens, and the number s of the sequence. Little-endian; aligned to
   * 4 bytes, or to 2 if a token has 2 mod 4.
   *
   * @error DataError (thrown) for a damaged piece, or an example that is not in the cache
   */
  readonly rows: (batch: Batch, use: (bytes: Uint8Array, n: number, s: number) => void) => void
  /** The table beside the rows; undefined if there is none. @error DataError (thrown) if it is damaged */
  readonly table: () =>
    | { readonly shape: ReadonlyArray<number>; readonly bytes: Uint8Array; readonly logitCap?: number | undefined }
    | undefined
}

/** Maps a file that is not empty, privately: a stray write would stay in this process. */
const map = (file: string, bytes: number, hash: string): Uint8Array => {
  const damaged = (what: string) =>
    new DataError({ message: `${file} is damaged: ${what}; remove its folder and run again, or run with --fresh` })
  if (!existsSync(file)) throw damaged("it is not there")
  const { size } = statSync(file)
  if (size !== bytes) throw damaged(`it has ${size} bytes, ${bytes} were written`)
  const mapped = Bun.mmap(file, { shared: false })
  const actual = hashOf(mapped)
  if (actual !== hash) throw damaged(`its checksum is ${actual}, ${hash} was written`)
  return mapped
}

/** The header of a cache, and the folder of each of its pieces. @error DataError (thrown) as `openSignals` */
const readWhole = (directory: string, expected: SignalsIdentity) => {
  if (!existsSync(join(directory, shardsFile))) {
    const header = readHeader(directory)
    checkIdentity(directory, header.identity, expected)
    return { header, folders: header.pieces.map(() => directory), tableIn: directory }
  }
  const folders = readShards(directory)
  const headers = folders.map((folder, index) => {
    const header = readHeader(folder)
    checkIdentity(folder, header.identity, identityOf(expected, { index, of: folders.length }))
    return header
  })
  const tokens = headers.reduce((sum, header) => sum + header.tokens, 0)
  const pieces = headers.flatMap((header) => header.pieces)
  return {
    header: { ...headers[0]!, identity: expected, tokens, pieces },
    folders: headers.flatMap((header, i) => header.pieces.map(() => folders[i]!)),
    tableIn: folders[0]!,
  }
}

/**
 * Opens a cache for a data set.
 *
 * @param directory with the pieces, or with the list of the shards
 * @param expected the identity that this run would give the cache
 * @param examples the data set, in the order of the cache
 * @param covered the tokens with a row; the trained ones if left out
 * @error DataError (thrown) if it is unfinished, of another identity, or of other lengths
 */
export const openSignals = (
  directory: string,
  expected: SignalsIdentity,
  examples: ReadonlyArray<EncodedExample>,
  covered: Covered = trainedTokens,
): OpenSignals => {
  const { header, folders, tableIn } = readWhole(directory, expected)
  const offset_E = covered.offsets(examples)
  const tokens = offset_E.at(-1)!
  if (header.examples !== examples.length || header.tokens !== tokens)
    throw new DataError({
      message:
        `the cache of signals ${directory} has ${header.tokens} tokens of ${header.examples} examples, the data ${tokens} ` +
        `of ${examples.length}; compute it again from this data`,
    })
  const { pieces, bytesPerToken } = header
  const mapped: Array<Uint8Array | undefined> = pieces.map(() => undefined)
  // The piece of each example: examples without a trained token have none, and no batch has rows of them.
  const pieceOf_E = new Int32Array(examples.length).fill(-1)
  for (const [i, { firstExample, examples }] of pieces.entries())
    pieceOf_E.fill(i, firstExample, firstExample + examples)

  const piece = (i: number): Uint8Array => {
    const { file, bytes, hash } = pieces[i]!
    return (mapped[i] ??= map(join(folders[i]!, file), bytes, hash))
  }
  return {
    directory,
    header,
    rows: (batch, use) => {
      let n = 0
      for (const [s, e] of batch.example_B.entries()) {
        const rows = (offset_E[e + 1] ?? Number.NaN) - offset_E[e]!
        if (Number.isNaN(rows))
          throw new DataError({
            message: `the batch has example ${e}, the cache of signals ${directory} has 0 to ${examples.length - 1}`,
          })
        if (rows === 0) continue
        const i = pieceOf_E[e]!
        const at = (offset_E[e]! - pieces[i]!.firstRow) * bytesPerToken
        use(piece(i).subarray(at, at + rows * bytesPerToken), n, s)
        n += rows
      }
      const wanted = covered.rowsOf(batch)
      if (n !== wanted)
        throw new DataError({
          message: `the batch has ${wanted} ${covered === trainedTokens ? "valid" : "read"} tokens, the cache of signals ${n} for its examples`,
        })
    },
    table: () => {
      if (header.table === undefined) return undefined
      const { file, shape, hash, logitCap } = header.table
      return { shape, logitCap, bytes: map(join(tableIn, file), 4 * shape.reduce((a, b) => a * b, 1), hash) }
    },
  }
}
