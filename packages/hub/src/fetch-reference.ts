/**
 * Turns a reference into a folder on this machine: the needed files, downloaded, checked and stored in the hub's cache.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { DataError, InvalidInput } from "@winnow/core"
import { DownloadFailed, download, type Fetch, fileErrorOf } from "@winnow/files"
import { Context, Effect } from "effect"
import { type Asking, commitNow, filesOf, HubFailed, type HubFile } from "./api.ts"
import { optionalFiles, shardIndex, shardsOf, type Wanted, wholeWeights } from "./needed-files.ts"
import { type HubReference, isCommit, isHubReference, parseReference, referenceText } from "./reference.ts"
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

/** A reference with its files on this machine. */
export interface Fetched {
  /** The folder of the files: a snapshot in the cache. */
  readonly folder: string
  readonly commit: string
}

/** Settings from the environment by default; the others for tests. */
export type FetchOptions = Partial<Omit<Asking, "repo" | "signal">>

interface Fetching extends Asking {
  readonly reference: HubReference
  readonly cache: RepositoryCache
  readonly wanted: Wanted
  readonly report: (report: HubReport) => void
}

/** True if a snapshot is complete, as far as that can be known without the hub. */
const isWhole = ({ cache, wanted }: Fetching, commit: string): boolean =>
  hasParts(cache, wanted, commit) &&
  optionalFiles(wanted).every((name) => cache.has(commit, name) || cache.lacks(commit, name))

/** True if a snapshot has the first files of a model, or of a tokenizer. */
const hasParts = (cache: RepositoryCache, wanted: Wanted, commit: string): boolean => {
  const has = (name: string) => cache.has(commit, name)
  if (wanted === "tokenizer") return has("tokenizer.json")
  if (!has("config.json")) return false
  if (has(wholeWeights)) return true
  const shards = has(shardIndex) ? shardsOf(readIndex(cache, commit)) : undefined
  return shards?.every(has) ?? false
}

const readIndex = (cache: RepositoryCache, commit: string) =>
  readFileSync(join(cache.snapshot(commit), shardIndex), "utf8")

const fetchFile = async (fetching: Fetching, commit: string, file: HubFile): Promise<void> => {
  const { cache, settings, repo, reference, report, fetch: get, patience, pause, idle, signal } = fetching
  const { name, bytes, sha256, gitOid } = file
  if (cache.has(commit, name) && cache.sizeOf(commit, name) === bytes) return
  const sum = sha256 ?? gitOid
  const url = `${settings.endpoint}/${repo}/resolve/${commit}/${encodeURIComponent(name)}`
  await download({ url, bytes, sha256, gitOid }, cache.blob(sum), {
    ...(get === undefined ? {} : { fetch: get as Fetch }),
    ...(settings.token === undefined ? {} : { headers: { authorization: `Bearer ${settings.token}` } }),
    ...(patience === undefined ? {} : { patience }),
    ...(pause === undefined ? {} : { pause }),
    ...(idle === undefined ? {} : { idle }),
    ...(signal === undefined ? {} : { signal }),
    onProgress: (received) =>
      report({ _tag: "file", reference: referenceText(reference), file: name, received, bytes }),
  })
  cache.link(commit, name, sum)
}

/** Describes a commit without a model, or without a tokenizer, in a readable form. */
const lacking = ({ wanted }: Fetching, names: ReadonlyArray<string>): string | undefined => {
  if (wanted === "tokenizer") return names.includes("tokenizer.json") ? undefined : "it has no tokenizer.json"
  if (!names.includes("config.json")) return "it has no config.json; a model is config.json beside model.safetensors"
  if (names.includes(wholeWeights) || names.includes(shardIndex)) return undefined
  const others = names.filter((name) => /\.(bin|pth?|gguf|h5|msgpack|onnx|safetensors)$/i.test(name)).slice(0, 3)
  const contents = others.length === 0 ? "no weights at its top" : others.join(", ")
  return `it has ${contents}; weights are read from ${wholeWeights} or its shards: take a repository or revision that has them`
}

/** Downloads the files of a commit that are missing here. */
const fetchCommit = async (fetching: Fetching, commit: string): Promise<void> => {
  const { cache, wanted } = fetching
  const files = new Map((await filesOf(fetching, commit)).map((file) => [file.name, file]))
  const problem = lacking(fetching, [...files.keys()])
  if (problem !== undefined) throw new InvalidInput({ what: referenceText(fetching.reference), problems: [problem] })
  const get = async (name: string) => {
    const file = files.get(name)
    if (file !== undefined) await fetchFile(fetching, commit, file)
    else if (!cache.lacks(commit, name)) cache.writeLack(commit, name)
  }
  // Small ones first: a folder whose configuration is refused costs no download of weights.
  for (const name of optionalFiles(wanted)) await get(name)
  if (wanted === "tokenizer") return
  await get("config.json")
  if (files.has(wholeWeights)) return await get(wholeWeights)
  await get(shardIndex)
  const shards = shardsOf(readIndex(cache, commit))
  const missing = shards?.find((name) => !files.has(name))
  if (shards === undefined || missing !== undefined) {
    const what = `${referenceText(fetching.reference)}, ${shardIndex}`
    const problems = [missing === undefined ? "weight_map names no shards" : `it names ${missing}, which is not there`]
    throw new InvalidInput({ what, problems })
  }
  for (const name of shards) await get(name)
}

/**
 * The commit of a reference, from the hub unless the reference names it; if the hub is out of reach, the last known
 * one.
 */
const commitOf = async (fetching: Fetching): Promise<string> => {
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

const isOutOfReach = (error: unknown): error is Error =>
  (error instanceof HubFailed && error.status === undefined) ||
  (error instanceof DownloadFailed && error.kind === "network")

const offlineProblem = ({ reference, settings }: Fetching, why: string) =>
  `${referenceText(reference)}: ${why} (${settings.cache}), and HF_HUB_OFFLINE forbids to ask the hub; fetch it once with a connection`

const fetchNow = async (fetching: Fetching): Promise<Fetched> => {
  const { cache, settings, reference, wanted, report } = fetching
  const commit = await commitOf(fetching)
  const fetched = { folder: cache.snapshot(commit), commit }
  if (isWhole(fetching, commit)) return fetched
  const isUsable = hasParts(cache, wanted, commit)
  if (settings.offline) {
    if (isUsable) return fetched
    throw new DataError({
      message: offlineProblem(fetching, `commit ${commit.slice(0, 12)} is not whole in its cache`),
    })
  }
  try {
    await fetchCommit(fetching, commit)
  } catch (error) {
    if (!isOutOfReach(error) || !isUsable) throw error
    report({ _tag: "note", text: `${referenceText(reference)}: ${error.message}; the files of the cache are used` })
  }
  return fetched
}

/** The remedy for a status. */
const remedyOf = (status: number | undefined, { settings, reference }: Fetching): string => {
  const token =
    settings.token === undefined
      ? "set HF_TOKEN to a token that may read it, or log in with `hf auth login`"
      : "the token that is set may not read it"
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
 * Downloads a reference, or finds it in the cache: for a model its configuration, weights and tokenizer, for a
 * tokenizer its own files. If the reference names no commit, the hub names the present one.
 *
 * @error InvalidInput for a text that is no reference, and for a repository without a readable model
 * @error DataError for a hub that cannot be reached or refuses, for files with another checksum, and for a disk that
 * refuses
 */
export const fetchReference = (
  text: string,
  wanted: Wanted = "model",
  options: FetchOptions = {},
): Effect.Effect<Fetched, DataError | InvalidInput> =>
  Effect.gen(function* () {
    const report = yield* HubReports
    const reference = yield* Effect.try({
      try: () => parseReference(text),
      catch: (error) => error as InvalidInput, // This is the only error of `parseReference`.
    })
    const settings = options.settings ?? hubSettings()
    const { repo } = reference
    const common = {
      ...options,
      settings,
      repo,
      reference,
      wanted,
      report,
      cache: repositoryCache(settings.cache, repo),
    }
    return yield* Effect.tryPromise({
      try: (signal) => fetchNow({ ...common, signal }),
      catch: (error) => failureOf(error, common),
    })
  })

/**
 * The reference with its present commit, and its files downloaded; a path stays unchanged. @error as `fetchReference`
 */
export const pinnedReference = (
  text: string,
  wanted: Wanted = "model",
): Effect.Effect<string, DataError | InvalidInput> =>
  isHubReference(text)
    ? Effect.map(fetchReference(text, wanted), ({ commit }) =>
        referenceText({ repo: parseReference(text).repo, revision: commit }),
      )
    : Effect.succeed(text)

/** The folder of a reference, downloaded if necessary; a path stays unchanged. @error as `fetchReference` */
export const localFolder = (text: string, wanted: Wanted = "model"): Effect.Effect<string, DataError | InvalidInput> =>
  isHubReference(text) ? Effect.map(fetchReference(text, wanted), ({ folder }) => folder) : Effect.succeed(text)
