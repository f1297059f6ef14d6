/** A data set's repository: all its files by name, each downloaded when it is asked for. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join, relative, sep } from "node:path"
import { cut, DataError, InvalidInput } from "@winnow/core"
import { parseJson, writeWhole } from "@winnow/files"
import { type } from "arktype"
import { Effect } from "effect"
import { filesOf, type HubFile } from "./api.ts"
import { commitOf, type Fetching, type FetchOptions, fetchFile, offlineProblem, withRepository } from "./fetching.ts"
import { isDatasetReference, parseReference, referenceText, shortReference } from "./reference.ts"

/** A data set at one commit. */
export interface HubDataset {
  readonly commit: string
  /** Paths in the repository, with "/" between folders. */
  readonly files: ReadonlyArray<string>
  /** The path of a file on this machine, downloaded if necessary. @error DataError as `fetchReference` */
  readonly locate: (file: string) => Effect.Effect<string, DataError>
}

const listing = type({ name: "string", bytes: "number", gitOid: "string", "sha256?": "string" }).array()

/** The files of a commit, which never change: from the cache, else from the hub. */
const filesAt = async (fetching: Fetching, commit: string): Promise<ReadonlyArray<HubFile>> => {
  const file = fetching.cache.listing(commit)
  if (existsSync(file)) {
    const known = listing(parseJson(readFileSync(file, "utf8")))
    if (!(known instanceof type.errors)) return known.map((one) => ({ ...one, sha256: one.sha256 }))
  }
  const files = await filesOf(fetching, commit)
  writeWhole(file, JSON.stringify(files))
  return files
}

/** The files of a snapshot that another tool left, which has no list of them. */
const filesIn = (folder: string): ReadonlyArray<string> => {
  if (!existsSync(folder)) return []
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory())
  return entries.map(({ parentPath, name }) => relative(folder, join(parentPath, name)).split(sep).join("/")).sort()
}

const datasetAt = async (fetching: Fetching): Promise<HubDataset> => {
  const { cache, reference, settings, report } = fetching
  if (reference.kind === "model") {
    const problems = [`is a model; expected a data set, ${referenceText({ ...reference, kind: "dataset" })}`]
    throw new InvalidInput({ what: cut(referenceText(reference), 100), problems })
  }
  const commit = await commitOf(fetching)
  const pinned = referenceText({ ...reference, revision: commit })
  const place = (file: string) => join(cache.snapshot(commit), ...file.split("/"))
  if (settings.offline && !existsSync(cache.listing(commit))) {
    const files = filesIn(cache.snapshot(commit))
    if (files.length === 0) throw new DataError({ message: offlineProblem(fetching, `${commit} is not in its cache`) })
    const text = `${shortReference(pinned)}: the cache has no list of its files; the ${files.length} that are there are taken for all`
    report({ _tag: "note", text })
    return { commit, files, locate: (file) => Effect.succeed(place(file)) }
  }
  const files = new Map((await filesAt(fetching, commit)).map((file) => [file.name, file]))
  const locate = (name: string) =>
    withRepository(pinned, fetching, async (again) => {
      const file = files.get(name)
      if (file === undefined) throw new DataError({ message: `${shortReference(pinned)} has no file ${name}` })
      const isHere = cache.has(commit, name) && cache.sizeOf(commit, name) === file.bytes
      if (settings.offline && !isHere)
        throw new DataError({ message: offlineProblem(fetching, `${name} is not in its cache`) })
      await fetchFile(again, commit, file)
      return place(name)
    }).pipe(
      Effect.mapError((error) => (error._tag === "DataError" ? error : new DataError({ message: error.message }))),
    )
  return { commit, files: [...files.keys()], locate }
}

/**
 * The files of a data set's repository; none but the list of them is downloaded.
 *
 * @error InvalidInput for a text that is no reference to a data set
 * @error DataError as `fetchReference`
 */
export const fetchDataset = (
  text: string,
  options: FetchOptions = {},
): Effect.Effect<HubDataset, DataError | InvalidInput> => withRepository(text, options, datasetAt)

/** The reference to a data set with its present commit; a path stays unchanged. @error as `fetchDataset` */
export const pinnedDataset = (text: string): Effect.Effect<string, DataError | InvalidInput> =>
  isDatasetReference(text)
    ? Effect.map(fetchDataset(text), ({ commit }) => referenceText({ ...parseReference(text), revision: commit }))
    : Effect.succeed(text)
