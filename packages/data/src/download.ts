/** One file over HTTPS into the cache: whole and checked, or not there at all. */
import { createHash } from "node:crypto"
import { mkdir, open, rename, rm } from "node:fs/promises"
import { dirname } from "node:path"
import type { DatasetFile } from "@winnow/core"
import { Effect, Schedule } from "effect"

export interface DownloadProgress {
  readonly file: DatasetFile
  /** Bytes so far, 0 to file.bytes. */
  readonly received: number
}

/** The part of `fetch` that a download uses. */
export type Fetch = (url: string, init: { readonly signal: AbortSignal }) => Promise<Response>

/** A download that gets no byte for so long is given up, ms. */
const stall = 30_000

/** A failure of a download, and whether another try could help. */
class Failed extends Error {
  constructor(
    message: string,
    readonly again: boolean,
  ) {
    super(message)
  }
}

/**
 * Downloads `file` to `path`, by way of a temporary file beside it that is flushed, then renamed: of two processes at
 * once each writes its own, and either result is right. A connection that fails is tried three times.
 *
 * @error string: what was wrong, to follow the URL
 */
export const download = (
  file: DatasetFile,
  path: string,
  options: { readonly fetch?: Fetch; readonly onProgress?: (progress: DownloadProgress) => void },
): Effect.Effect<void, string> =>
  Effect.tryPromise({
    try: (signal) => attempt(file, path, options.fetch ?? fetch, options.onProgress ?? (() => {}), signal),
    catch: (error) => (error instanceof Failed ? error : new Failed(`could not be saved: ${String(error)}`, false)),
  }).pipe(
    Effect.retry({ while: (failed) => failed.again, times: 2, schedule: Schedule.exponential("300 millis") }),
    Effect.mapError((failed) => failed.message),
  )

const attempt = async (
  file: DatasetFile,
  path: string,
  get: Fetch,
  onProgress: (progress: DownloadProgress) => void,
  interrupted: AbortSignal,
): Promise<void> => {
  const stalled = new AbortController()
  let timer = setTimeout(() => stalled.abort(), stall)
  const signal = AbortSignal.any([interrupted, stalled.signal])
  const network = (error: unknown): never => {
    const why = stalled.signal.aborted ? `sent nothing for ${stall / 1000} s` : `could not be reached: ${reason(error)}`
    throw new Failed(why, !interrupted.aborted)
  }
  await mkdir(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}.${crypto.randomUUID().slice(0, 8)}.tmp`
  try {
    const response = await get(file.url, { signal }).catch(network)
    if (!response.ok || response.body === null) {
      await response.body?.cancel()
      throw new Failed(`answered ${response.status} ${response.statusText}`.trimEnd(), response.status >= 500)
    }
    const handle = await open(temporary, "wx")
    try {
      const hash = createHash("sha256")
      const reader = response.body.getReader()
      let received = 0
      for (;;) {
        const { done, value } = await reader.read().catch(network)
        if (done) break
        clearTimeout(timer)
        timer = setTimeout(() => stalled.abort(), stall)
        // Of a file that is the start of what the URL serves, the rest is not read.
        const chunk = file.startOf === true ? value.subarray(0, file.bytes - received) : value
        received += chunk.length
        if (received > file.bytes) {
          await reader.cancel()
          throw new Failed(`serves more than ${file.bytes} bytes: another file`, false)
        }
        hash.update(chunk)
        await handle.writeFile(chunk)
        onProgress({ file, received })
        if (file.startOf === true && received === file.bytes) {
          await reader.cancel()
          break
        }
      }
      if (received < file.bytes) throw new Failed(`ended after ${received} of ${file.bytes} bytes`, true)
      const digest = hash.digest("hex")
      if (digest !== file.sha256) throw new Failed(`serves a file with SHA-256 ${digest}: another file`, false)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, path)
  } finally {
    clearTimeout(timer)
    await rm(temporary, { force: true })
  }
}

/** Node and Bun hide the cause of a failed fetch one level down. */
const reason = (error: unknown): string => {
  const { message, cause, code } = error as { message?: string; cause?: unknown; code?: string }
  const inner = cause instanceof Error ? `: ${cause.message}` : ""
  return `${message ?? String(error)}${inner}${code === undefined ? "" : ` (${code})`}`
}
