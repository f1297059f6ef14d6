/** One repository of a hub and its cache on this machine: its commit, one of its files, and failures in words. */
import { DataError, InvalidInput } from "@winnow/core"
import { DownloadFailed, download, type Fetch, fileErrorOf } from "@winnow/files"
import { Context, Effect } from "effect"
import { type Asking, commitNow, HubFailed, type HubFile } from "./api.ts"
import { isCommit, parseReference, referenceText } from "./reference.ts"
import { type RepositoryCache, repositoryCache } from "./repository-cache.ts"
import { hubSettings } from "./settings.ts"

/** The progress of a file, or a sentence for the user. */
export type HubReport =
  | {
      readonly _tag: "file"
      /** "hf:owner/name@revision". */
      readonly reference: string
      readonly file: string
      /** Bytes on the disk, those of earlier attempts included. */
      readonly received: number
      readonly bytes: number
    }
  | { readonly _tag: "note"; readonly text: string }

const size = (bytes: number) =>
  bytes >= 1e9
    ? `${(bytes / 1e9).toFixed(2)} GB`
    : bytes >= 1e6
      ? `${Math.round(bytes / 1e6)} MB`
      : `${Math.ceil(bytes / 1e3)} kB`

/** A line on stderr for each note, and for each file of a megabyte or more. */
const reported = new Set<string>()
const tellOnStderr = (report: HubReport): void => {
  if (report._tag === "file" && report.bytes < 1e6) return
  const line =
    report._tag === "note"
      ? `note: ${report.text}`
      : `fetching ${report.file} of ${report.reference}, ${size(report.bytes)}`
  if (reported.has(line)) return
  reported.add(line)
  process.stderr.write(`${line}\n`)
}

/** Receives the progress of downloads, and notes on a hub out of reach; stderr by default. */
export const HubReports = Context.Reference<(report: HubReport) => void>("@winnow/hub/HubReports", {
  defaultValue: () => tellOnStderr,
})

/** Settings from the environment by default; the others for tests. */
export type FetchOptions = Partial<Omit<Asking, "reference" | "signal" | "onBreak">>

/** A repository that is being fetched from. */
export interface Fetching extends Asking {
  readonly cache: RepositoryCache
  readonly report: (report: HubReport) => void
}

/** Downloads a file of a commit, unless the cache has it. @error DownloadFailed (thrown) */
export const fetchFile = async (fetching: Fetching, commit: string, file: HubFile): Promise<void> => {
  const { cache, settings, reference, report, fetch: get, patience, pause, idle, signal, onBreak } = fetching
  const { name, bytes, sha256, gitOid } = file
  if (cache.has(commit, name) && cache.sizeOf(commit, name) === bytes) return
  const sum = sha256 ?? gitOid
  const place = name.split("/").map(encodeURIComponent).join("/")
  const url = `${settings.endpoint}/${reference.kind === "dataset" ? "datasets/" : ""}${reference.repo}/resolve/${commit}/${place}`
  await download({ url, bytes, sha256, gitOid }, cache.blob(sum), {
    ...(get === undefined ? {} : { fetch: get as Fetch }),
    ...(settings.token === undefined ? {} : { headers: { authorization: `Bearer ${settings.token}` } }),
    ...(patience === undefined ? {} : { patience }),
    ...(pause === undefined ? {} : { pause }),
    ...(idle === undefined ? {} : { idle }),
    ...(signal === undefined ? {} : { signal }),
    ...(onBreak === undefined ? {} : { onBreak }),
    onProgress: (received) =>
      report({ _tag: "file", reference: referenceText(reference), file: name, received, bytes }),
  })
  cache.link(commit, name, sum)
}

/**
 * The commit of a reference, from the hub unless the reference names it; if the hub is out of reach, the last known
 * one.
 */
export const commitOf = async (fetching: Fetching): Promise<string> => {
  const { reference, cache, settings, report } = fetching
  const { revision = "main" } = reference
  if (isCommit(revision)) return revision
  const lastCommit = cache.commitOf(revision)
  if (settings.offline) {
    if (lastCommit !== undefined) return lastCommit
    throw new DataError({ message: offlineProblem(fetching, `${revision} is not in its cache`) })
  }
  try {
    const commit = await commitNow(fetching, revision)
    if (commit !== lastCommit) cache.writeCommit(revision, commit)
    return commit
  } catch (error) {
    if (!isOutOfReach(error) || lastCommit === undefined) throw error
    const text = `${referenceText(reference)}: ${error.message}; commit ${lastCommit.slice(0, 12)} of the cache is used`
    report({ _tag: "note", text })
    return lastCommit
  }
}

/** True of a failure that a connection might mend. */
export const isOutOfReach = (error: unknown): error is Error =>
  (error instanceof HubFailed && error.status === undefined) ||
  (error instanceof DownloadFailed && error.kind === "network")

/** Says that a request is forbidden. */
export const offlineProblem = ({ reference, settings }: Fetching, why: string) =>
  `${referenceText(reference)}: ${why} (${settings.cache}), and HF_HUB_OFFLINE forbids to ask the hub; fetch it once with a connection`

/** The remedy for a status. */
const remedyOf = (status: number | undefined, { settings, reference }: Fetching): string => {
  const token =
    settings.token === undefined
      ? "and set HF_TOKEN to a token that may read it, or log in with `hf auth login`"
      : "and set another token: this one may not read it"
  if (status === 401 || status === 403)
    return `; there is no such repository, or it is private or gated: check the name, accept its terms on its page, ${token}`
  if (status === 404)
    return `; there is no ${reference.revision === undefined ? "such repository" : "such repository or revision"}: check the name`
  if (status === 429) return "; too many requests: wait some minutes, or set HF_TOKEN, and run the same command"
  return status === undefined
    ? "; check the connection and HF_ENDPOINT, and run the same command, which continues the download"
    : ""
}

const failureOf = (error: unknown, fetching: Fetching): DataError | InvalidInput => {
  if (error instanceof DataError || error instanceof InvalidInput) return error
  const text = referenceText(fetching.reference)
  if (error instanceof HubFailed || error instanceof DownloadFailed) {
    const remedy =
      error instanceof DownloadFailed && error.kind === "other"
        ? "; run the same command, and if it fails again report the repository's damage to its owner"
        : remedyOf(error.status, fetching)
    return new DataError({ message: `${text}: ${error.message}${remedy}`, cause: error })
  }
  const message = fileErrorOf(error)?.message ?? (error instanceof Error ? error.message : String(error))
  return new DataError({ message: `${text}: ${message}`, cause: error })
}

/**
 * Runs the body with the repository that a text means.
 *
 * @error InvalidInput for a text that is no reference
 * @error DataError for a hub that cannot be reached or refuses, for files with another checksum, and for a disk that
 * refuses
 */
export const withRepository = <A>(
  text: string,
  options: FetchOptions,
  body: (fetching: Fetching) => Promise<A>,
): Effect.Effect<A, DataError | InvalidInput> =>
  Effect.gen(function* () {
    const report = yield* HubReports
    const reference = yield* Effect.try({
      try: () => parseReference(text),
      catch: (error) => error as InvalidInput, // This is the only error of `parseReference`.
    })
    const settings = options.settings ?? hubSettings()
    let waits = false
    // The attempts on a silent hub take half a minute: a user is told once why.
    const onBreak = (problem: string) => {
      if (!waits) report({ _tag: "note", text: `${referenceText(reference)}: ${problem}; trying again` })
      waits = true
    }
    const common = {
      ...options,
      settings,
      reference,
      report,
      onBreak,
      cache: repositoryCache(settings.cache, reference),
    }
    return yield* Effect.tryPromise({
      try: (signal) => body({ ...common, signal }),
      catch: (error) => failureOf(error, common),
    })
  })
