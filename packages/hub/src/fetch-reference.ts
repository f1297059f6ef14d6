/**
 * Turns a reference into a folder on this machine: the needed files, downloaded, checked and stored in the hub's cache.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { cut, DataError, InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import { filesOf } from "./api.ts"
import {
  commitOf,
  type Fetching as FetchingFrom,
  type FetchOptions,
  fetchFile,
  isOutOfReach,
  offlineProblem,
  withRepository,
} from "./fetching.ts"
import { optionalFiles, shardIndex, shardsOf, type Wanted, wholeWeights } from "./needed-files.ts"
import { isHubReference, parseReference, referenceText } from "./reference.ts"
import type { RepositoryCache } from "./repository-cache.ts"

/** A reference with its files on this machine. */
export interface Fetched {
  /** The folder of the files: a snapshot in the cache. */
  readonly folder: string
  readonly commit: string
}

interface Fetching extends FetchingFrom {
  readonly wanted: Wanted
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
  withRepository(text, options, (fetching) => {
    if (fetching.reference.kind === "model") return fetchNow({ ...fetching, wanted })
    throw new InvalidInput({ what: cut(text, 100), problems: ["is a data set; expected a model, hf:owner/name"] })
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
        referenceText({ ...parseReference(text), revision: commit }),
      )
    : Effect.succeed(text)

/** The folder of a reference, downloaded if necessary; a path stays unchanged. @error as `fetchReference` */
export const localFolder = (text: string, wanted: Wanted = "model"): Effect.Effect<string, DataError | InvalidInput> =>
  isHubReference(text) ? Effect.map(fetchReference(text, wanted), ({ folder }) => folder) : Effect.succeed(text)
