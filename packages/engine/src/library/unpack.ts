/**
 * Extracts the two libraries of a wheel: streamed, hashed on the way, checked against the wheel's own list of
 * checksums.
 */
/// <reference path="./yauzl.d.ts" />
import { mkdir, open } from "node:fs/promises"
import { basename, join } from "node:path"
import type { Readable } from "node:stream"
import { type Entry, openPromise, type ZipFile } from "yauzl"
import { AttemptFailed } from "./error.ts"
import { libraryNames, type Platform } from "./library.ts"
import type { Meter } from "./progress.ts"

/** One unpacked library. */
export interface Unpacked {
  readonly name: string
  /** Lower-case hex. */
  readonly sha256: string
}

/**
 * Writes `tensorflow/libtensorflow_cc*` and `tensorflow/libtensorflow_framework*` of the wheel into the new folder
 * `into`, flushed to the disk.
 *
 * @param beforeWriting gets the number of bytes to write, and may throw (no space)
 * @error AttemptFailed if the file is no wheel, lacks a library, or has one that differs from its RECORD
 */
export const unpackLibraries = async (
  wheel: string,
  platform: Platform,
  into: string,
  meter: Meter,
  beforeWriting: (bytes: number) => Promise<void> = async () => {},
): Promise<ReadonlyArray<Unpacked>> => {
  const zip = await openPromise(wheel, { autoClose: false }).catch((cause: Error) => {
    throw new AttemptFailed(`${basename(wheel)} is not a whole wheel: ${cause.message}`)
  })
  try {
    const wanted = Object.values(libraryNames(platform)).map((name) => `tensorflow/${name}`)
    const { libraries, record } = await findEntries(zip, wanted)
    const missing = wanted.filter((path) => !libraries.has(path))
    if (missing.length > 0) throw new AttemptFailed(`${basename(wheel)} does not hold ${missing.join(" and ")}`)
    if (record === undefined) throw new AttemptFailed(`${basename(wheel)} has no RECORD, so it is not a wheel`)
    const sums = parseRecord(await new Response(await streamOf(zip, record)).text())

    const total = [...libraries.values()].reduce((sum, { uncompressedSize }) => sum + uncompressedSize, 0)
    await beforeWriting(total)
    await mkdir(into, { recursive: true })
    meter.start("Unpacking libtensorflow", total)
    let done = 0
    const unpacked: Array<Unpacked> = []
    for (const [path, entry] of libraries) {
      const name = basename(path)
      const sha256 = await write(await zip.openReadStreamPromise(entry), join(into, name), (bytes) =>
        meter.at((done += bytes)),
      )
      if (sums.get(path) !== sha256)
        throw new AttemptFailed(
          `${path} in ${basename(wheel)} has SHA-256 ${sha256}, its RECORD says ${sums.get(path) ?? "nothing"}`,
        )
      unpacked.push({ name, sha256 })
    }
    meter.end()
    return unpacked
  } finally {
    zip.close()
  }
}

const streamOf = async (zip: ZipFile, entry: Entry): Promise<ReadableStream> => {
  const stream = await zip.openReadStreamPromise(entry)
  const chunks: Array<Uint8Array> = []
  for await (const chunk of stream) chunks.push(chunk as Uint8Array)
  return new Blob(chunks as Array<Uint8Array<ArrayBuffer>>).stream()
}

const findEntries = async (zip: ZipFile, wanted: ReadonlyArray<string>) => {
  const libraries = new Map<string, Entry>()
  let record: Entry | undefined
  for await (const entry of zip.eachEntry()) {
    if (wanted.includes(entry.fileName)) libraries.set(entry.fileName, entry)
    if (/^[^/]+\.dist-info\/RECORD$/.test(entry.fileName)) record = entry
  }
  return { libraries, record }
}

/** Lines `path,sha256=<base64url without padding>,size`; paths of the libraries contain no comma, so none is quoted. */
const parseRecord = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text.split("\n").flatMap((line) => {
      const match = /^([^,"]+),sha256=([\w-]+),\d*\s*$/.exec(line)
      return match === null ? [] : [[match[1]!, Buffer.from(match[2]!, "base64url").toString("hex")] as const]
    }),
  )

const write = async (from: Readable, path: string, onBytes: (bytes: number) => void): Promise<string> => {
  const hasher = new Bun.CryptoHasher("sha256")
  const file = await open(path, "w", 0o644)
  try {
    for await (const piece of from) {
      const chunk = piece as Uint8Array
      hasher.update(chunk)
      // writeFile on a handle appends from its position, and goes on after a short write
      await file.writeFile(chunk)
      onBytes(chunk.length)
    }
    await file.sync()
  } finally {
    await file.close()
  }
  return hasher.digest("hex")
}
