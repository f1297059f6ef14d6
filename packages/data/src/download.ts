/** One file of a data set over HTTPS into the cache. */
import type { ServedFile } from "@winnow/core"
import { DownloadFailed, download as downloadFile, type Fetch } from "@winnow/files"
import { Effect } from "effect"

/** How far a download has come. */
export interface DownloadProgress {
  readonly file: ServedFile
  /** Bytes so far, 0 to file.bytes. */
  readonly received: number
}

/** A connection breaks thrice, or brings nothing for half a minute, before a user learns that a data set is missing. */
const times = { patience: 2, pause: 300, idle: 30_000 }

/**
 * Downloads `file` to `path`, whole and checked, or not at all.
 *
 * @error string: what was wrong, to follow the URL
 */
export const download = (
  file: ServedFile,
  path: string,
  { fetch, onProgress }: { readonly fetch?: Fetch; readonly onProgress?: (progress: DownloadProgress) => void },
): Effect.Effect<void, string> =>
  Effect.tryPromise({
    try: (signal) =>
      downloadFile(file, path, {
        ...times,
        ...(fetch === undefined ? {} : { fetch }),
        onProgress: (received) => onProgress?.({ file, received }),
        signal,
      }),
    catch: (error) => (error instanceof DownloadFailed ? error.problem : `could not be saved: ${String(error)}`),
  })
