/**
 * Downloads over HTTP: the result is a whole, checked file or no file.
 *
 * Bytes go to `<path>.partial`. After a break a range request continues from there; with a known sum it also
 * continues the attempt of an earlier process. If several processes want one file, one downloads it.
 */
import { createHash } from "node:crypto"
import { existsSync, readFileSync, readSync, statSync } from "node:fs"
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises"
import { dirname } from "node:path"
import { type Answer, type Break, DownloadFailed, type Fetch, openAnswer } from "./download-answer.ts"
import { FileError, fileErrorOf } from "./file-error.ts"
import { sha256OfFileInTurns } from "./hash.ts"
import { withLock } from "./lock.ts"
import { syncPath } from "./write.ts"

/** A file on a server. */
export interface RemoteFile {
  readonly url: string
  /** Undefined if the size is not stated. */
  readonly bytes: number | undefined
  /** Lower-case hex; undefined if the caller checks the file. */
  readonly sha256: string | undefined
  /** Git's own sum of the file in place of a SHA-256: SHA-1 of "blob", its size and its bytes. `bytes` must be known. */
  readonly gitOid?: string
  /** True if the file is only the start of the served bytes; `bytes` must be known. */
  readonly startOf?: boolean
}

/** Options of a download; times in milliseconds. */
export interface DownloadOptions {
  /** Replaces the global `fetch`, which follows HTTPS_PROXY and NO_PROXY. */
  readonly fetch?: Fetch
  readonly headers?: Readonly<Record<string, string>>
  /** Largest allowed size of a file whose size is not stated; 64 GiB by default. */
  readonly most?: number
  /** A connection without bytes for so long is given up; 60 s by default. */
  readonly idle?: number
  /** Breaks in a row without a new byte that end the download; 4 by default. */
  readonly patience?: number
  /** Wait after the first break; it doubles after each further break. 1 s by default. */
  readonly pause?: number
  /** Receives the bytes so far, and the bytes of the whole file if known. */
  readonly onProgress?: (received: number, total: number | undefined) => void
  /** Gets the words for a failure before the wait for another attempt. */
  readonly onBreak?: (problem: string) => void
  readonly signal?: AbortSignal
}

/** The partial file during the download. */
interface Growing {
  readonly file: FileHandle
  hash: ReturnType<typeof createHash>
  have: number
  total: number | undefined
  /** The server's name for the version of these bytes, if it states one. */
  etag: string | undefined
  /** True if the bytes come from more than one answer. */
  mixed: boolean
}

const longestPause = 60_000

/**
 * Downloads a file to `path`, and makes missing folders.
 *
 * @error DownloadFailed when the server refuses, breaks off for good, or serves another file; FileError when the disk
 * refuses; the reason of `signal` when it aborts
 */
export const download = async (remote: RemoteFile, path: string, options: DownloadOptions = {}): Promise<void> => {
  const { signal } = options
  try {
    await mkdir(dirname(path), { recursive: true })
    await withLock(
      `${path}.lock`,
      async () => {
        if (!(await isThere(remote, path))) await receiveAll(remote, path, options)
      },
      signal === undefined ? {} : { signal },
    )
  } catch (error) {
    throw fileErrorOf(error, path) ?? error
  }
}

/** True if another process downloaded the file during the wait for the lock. */
const isThere = async (remote: RemoteFile, path: string): Promise<boolean> => {
  const { bytes, sha256 } = remote
  if (expectedSum(remote) === undefined || !existsSync(path)) return false
  if (bytes !== undefined && statSync(path).size !== bytes) return false
  if (sha256 !== undefined) return (await sha256OfFileInTurns(path)) === sha256
  return startHash(remote).update(readFileSync(path)).digest("hex") === remote.gitOid
}

/** The sum that the file must have; undefined where nobody states one. */
const expectedSum = ({ sha256, gitOid }: RemoteFile): string | undefined => sha256 ?? gitOid

/** The hash of no bytes yet. */
const startHash = ({ sha256, gitOid, bytes }: RemoteFile): ReturnType<typeof createHash> =>
  sha256 === undefined && gitOid !== undefined ? createHash("sha1").update(`blob ${bytes}\0`) : createHash("sha256")

const receiveAll = async (remote: RemoteFile, path: string, options: DownloadOptions): Promise<void> => {
  const partial = `${path}.partial`
  const growing = await openPartial(remote, partial)
  let keep = false
  try {
    await receive(remote, growing, options)
    if (isOther(remote, growing) && growing.mixed) {
      await restart(remote, growing)
      await receive(remote, growing, options)
    }
    if (isOther(remote, growing)) {
      const kind = remote.sha256 === undefined ? "git's sum" : "SHA-256"
      const problem = `serves a file with ${kind} ${sumOf(growing)}, expected ${expectedSum(remote)}: another file`
      throw new DownloadFailed(remote.url, "other", problem)
    }
    await growing.file.sync()
    await rename(partial, path)
    syncPath(dirname(path))
    keep = true
  } catch (error) {
    // A later attempt needs a sum to check that the parts belong together. A full disk keeps no partial file.
    keep =
      expectedSum(remote) !== undefined &&
      growing.have > 0 &&
      !(error instanceof DownloadFailed && error.kind === "other")
    if (fileErrorOf(error) !== undefined) keep = false
    throw error
  } finally {
    await growing.file.close()
    if (!keep) await rm(partial, { force: true })
  }
}

const sumOf = ({ hash }: Growing): string => hash.copy().digest("hex")
const isOther = (remote: RemoteFile, growing: Growing): boolean => {
  const expected = expectedSum(remote)
  return expected !== undefined && sumOf(growing) !== expected
}

/** Opens the partial file with the bytes of an earlier attempt. */
const openPartial = async (remote: RemoteFile, partial: string): Promise<Growing> => {
  const { bytes } = remote
  const isContinued = expectedSum(remote) !== undefined && existsSync(partial)
  const file = await open(partial, isContinued ? "r+" : "w")
  const growing: Growing = { file, hash: startHash(remote), have: 0, total: bytes, etag: undefined, mixed: false }
  if (!isContinued) return growing
  const chunk = new Uint8Array(1 << 20)
  for (let read = 0; (read = readSync(file.fd, chunk, 0, chunk.length, growing.have)) > 0; growing.have += read)
    growing.hash.update(chunk.subarray(0, read))
  growing.mixed = growing.have > 0
  if (growing.have > (bytes ?? Number.POSITIVE_INFINITY)) await restart(remote, growing)
  return growing
}

const restart = async (remote: RemoteFile, growing: Growing): Promise<void> => {
  await growing.file.truncate(0)
  Object.assign(growing, { hash: startHash(remote), have: 0, etag: undefined, mixed: false })
}

/** Sends requests until all bytes have arrived. */
const receive = async (remote: RemoteFile, growing: Growing, options: DownloadOptions): Promise<void> => {
  const { patience = 4, pause = 1000, signal, onProgress, onBreak } = options
  onProgress?.(growing.have, growing.total)
  for (let breaks = 0; growing.have < (remote.bytes ?? Number.POSITIVE_INFINITY); ) {
    const before = growing.have
    const broken = await receiveOnce(remote, growing, options)
    signal?.throwIfAborted()
    if (broken === undefined) return
    breaks = growing.have > before ? 1 : breaks + 1
    if (breaks > patience) throw new DownloadFailed(remote.url, "network", broken.problem)
    onBreak?.(`${remote.url} ${broken.problem}`)
    await Bun.sleep(Math.min(longestPause, broken.wait ?? pause * 2 ** (breaks - 1)))
    signal?.throwIfAborted()
  }
}

/** One request for the rest; returns the reason for another request, or undefined when the file is complete. */
const receiveOnce = async (
  remote: RemoteFile,
  growing: Growing,
  options: DownloadOptions,
): Promise<Break | undefined> => {
  const limit = remote.bytes ?? options.most ?? 64 * 2 ** 30
  const answer = await openAnswer(remote.url, { have: growing.have, etag: growing.etag }, options)
  if ("problem" in answer) return answer
  try {
    if (answer.from === 0) await restart(remote, growing)
    else growing.mixed = true
    growing.etag = answer.etag
    growing.total = remote.bytes ?? answer.total
    if (remote.startOf !== true && (answer.total ?? 0) > limit) throw tooLarge(remote, limit)
    return await copy(remote, growing, limit, answer, options)
  } finally {
    await answer.close()
  }
}

const copy = async (
  remote: RemoteFile,
  growing: Growing,
  limit: number,
  answer: Answer,
  { onProgress }: DownloadOptions,
): Promise<Break | undefined> => {
  for (;;) {
    const piece = await answer.next()
    if (piece !== undefined && "problem" in piece)
      return { ...piece, problem: `${piece.problem}, after ${growing.have} bytes${ofTotal(growing)}` }
    if (piece === undefined) {
      if (growing.have >= (growing.total ?? 0)) return undefined
      return { problem: `ended after ${growing.have}${ofTotal(growing)} bytes` }
    }
    const chunk = remote.startOf === true ? piece.subarray(0, limit - growing.have) : piece
    if (growing.have + chunk.length > limit) throw tooLarge(remote, limit)
    await writeAt(growing.file, chunk, growing.have)
    growing.hash.update(chunk)
    growing.have += chunk.length
    onProgress?.(growing.have, growing.total)
    if (remote.startOf === true && growing.have === limit) return undefined
  }
}

const ofTotal = ({ total }: Growing): string => (total === undefined ? "" : ` of ${total}`)

const tooLarge = ({ url, bytes }: RemoteFile, limit: number) =>
  new DownloadFailed(
    url,
    "other",
    bytes === undefined
      ? `serves more than ${limit} bytes, which is the limit`
      : `serves more than ${bytes} bytes: another file`,
  )

const writeAt = async (file: FileHandle, chunk: Uint8Array, position: number): Promise<void> => {
  for (let done = 0; done < chunk.length; ) {
    const { bytesWritten } = await file.write(chunk, done, chunk.length - done, position + done)
    if (bytesWritten === 0) throw new FileError("a download", "the disk takes no more bytes", "ENOSPC")
    done += bytesWritten
  }
}
