/** Downloads one file of a data set over HTTPS into the cache. */
import type { ServedFile } from "@winnow/core"
import { DownloadFailed, download as downloadFile, type Fetch } from "@winnow/files"
import { Effect } from "effect"

/** The progress of a download. */
export interface DownloadProgress {
  readonly file: ServedFile
  /** Bytes so far, 0 to file.bytes. */
  readonly received: number
}

/** A user learns that a data set is missing after a connection breaks three times, or is silent for half a minute. */
const times = { patience: 2, pause: 300, idle: 30_000 }

/**
 * Downloads `file` to `path`, whole and checked, or not at all.
 *
 * @error string: the fault, as text after the URL
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
