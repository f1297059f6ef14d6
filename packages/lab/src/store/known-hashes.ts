/**
 * SHA-256 of files, remembered by size, inode and times: a file is read again only after one of these changed. A change
 * of the content sets a file's change time, which no ordinary program can set back.
 */
import { statSync } from "node:fs"
import { hashingFile, parseJson, readRegularText, writeWhole } from "@winnow/files"
import { type } from "arktype"

const Stamp = type({ stamp: "string", sha256: "string" })
const Stamps = type({ "[string]": Stamp })
type Stamps = typeof Stamps.infer

/**
 * A file that changed this recently (ms) may change again within the clock's resolution, so its hash is not remembered.
 */
const settledAfter = 100

const stampOf = (file: string): { readonly stamp: string; readonly settled: boolean } => {
  const { size, ino, mtimeNs, ctimeNs } = statSync(file, { bigint: true })
  return {
    stamp: `${size} ${ino} ${mtimeNs} ${ctimeNs}`,
    settled: Date.now() - Number(ctimeNs / 1_000_000n) > settledAfter,
  }
}

const remembered = (memory: string): Map<string, Stamps[string]> => {
  try {
    const stamps = Stamps(parseJson(readRegularText(memory, { most: 64 << 20 })))
    return stamps instanceof type.errors ? new Map() : new Map(Object.entries(stamps))
  } catch {
    return new Map() // The memory is missing or damaged: the files themselves are read.
  }
}

/**
 * Hashes of files, in their order, piece by piece.
 *
 * @param memory the file that remembers them; if it cannot be written, the next call reads the files again
 * @error FileError for a file that is missing or cannot be read
 */
export function* knownHashes(memory: string, files: ReadonlyArray<string>): Generator<void, ReadonlyArray<string>> {
  const memo = remembered(memory)
  const next = new Map<string, Stamps[string]>()
  let changed = false
  const hashes: Array<string> = []
  for (const file of files) {
    const { stamp, settled } = stampOf(file)
    const before = memo.get(file)
    const sha256 = before?.stamp === stamp ? before.sha256 : yield* hashingFile(file)
    changed ||= settled && before?.stamp !== stamp
    if (settled) next.set(file, { stamp, sha256 })
    hashes.push(sha256)
  }
  if (changed) {
    try {
      writeWhole(memory, JSON.stringify(Object.fromEntries(next)))
    } catch {
      // A read-only store is read again each time.
    }
  }
  return hashes
}
