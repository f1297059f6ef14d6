/** Where data sets come from: the folder WINNOW_DATA, the download cache, the hub; checked wherever they came from. */
import { existsSync } from "node:fs"
import { readdir, readFile } from "node:fs/promises"
import { isAbsolute, join, relative, resolve, sep } from "node:path"
import { DataError, type DataRepository, type DatasetFile, Datasets } from "@winnow/core"
import { cacheFolder, type Fetch, parseJson, sha256, writeWhole } from "@winnow/files"
import {
  type FetchOptions,
  fetchDataset,
  isHubReference,
  parseReference,
  referenceText,
  shortReference,
} from "@winnow/hub"
import { Effect, Layer } from "effect"
import { checkFile } from "./check-file.ts"
import { type DownloadProgress, download } from "./download.ts"
import { unpack } from "./unpack.ts"
import { utf8Lines } from "./utf8-lines.ts"

export interface DatasetsOptions {
  /** Folder of data sets that are there already; undefined (or "") for none. */
  readonly folder: string | undefined
  /** Folder that downloads are kept in. */
  readonly cache: string
  /** Folder of the experiment: where a relative path of a user's own data is looked for first. */
  readonly beside?: string | undefined
  /** Called as bytes arrive. */
  readonly onProgress?: (progress: DownloadProgress) => void
  /** In place of the global `fetch`. */
  readonly fetch?: Fetch
  /** Settings of requests to a hub; from the environment by default. */
  readonly hub?: FetchOptions
}

/** The path of a file, or the list of places that do not have it. */
const sought = (file: DatasetFile, options: DatasetsOptions): Effect.Effect<string | Missing> =>
  Effect.gen(function* () {
    const { folder, cache } = options
    const tried: Array<string> = []
    const path = join(cache, file.path)
    if (folder === undefined || folder === "") {
      tried.push(`WINNOW_DATA is not set; set it to a folder that holds ${file.path} or ${file.path}.gz`)
    } else {
      const own = join(folder, file.path)
      const wrong = yield* checkFile(own, file)
      if (wrong === undefined) return own
      tried.push(`in WINNOW_DATA, ${own} ${wrong}`)
    }
    const wrong = yield* checkFile(path, file)
    if (wrong === undefined) return path
    tried.push(`in the cache, ${path} ${wrong}`)
    const packed = folder === undefined || folder === "" ? undefined : join(folder, `${file.path}.gz`)
    if (packed !== undefined && existsSync(packed)) {
      const wrong = yield* place(path, file, async () => unpack(packed, await readFile(packed)))
      if (wrong === undefined) return path
      tried.push(`in WINNOW_DATA, ${packed} ${wrong}`)
    }
    const problem = yield* fetched(file, path, options)
    if (problem === undefined) return path
    const places = [...tried, problem].map((line, i) => `  ${i + 1}. ${line.replaceAll("\n", "\n   ")}`)
    const digest = `${file.bytes} bytes, SHA-256 ${file.sha256}`
    const none = `was found in none of ${inWords(places.length)} places`
    return { missing: `data set ${file.path} (${digest}) ${none}:\n${places.join("\n")}` }
  })

interface Missing {
  readonly missing: string
}

const locate = (file: DatasetFile, options: DatasetsOptions): Effect.Effect<string, DataError> =>
  Effect.flatMap(sought(file, options), (found) => {
    if (typeof found === "string") return Effect.succeed(found)
    const message = `${found.missing}\nPut the file in one of the folders, or run again with a connection.`
    return Effect.fail(new DataError({ message }))
  })

const inWords = (places: number): string => ["two", "three", "four"][places - 2] ?? String(places)

/** Brings a file into the cache from the server, or from the files that it is made of; gives what was wrong. */
const fetched = (file: DatasetFile, path: string, options: DatasetsOptions): Effect.Effect<string | undefined> =>
  "of" in file
    ? Effect.gen(function* () {
        const served: Array<string> = []
        for (const from of file.of) {
          const found = yield* sought(from, options)
          if (typeof found !== "string") return `made from ${from.path}, but ${found.missing}`
          served.push(found)
        }
        const made = async () => encoder.encode(file.by(...(await Promise.all(served.map((path) => readFile(path))))))
        const wrong = yield* place(path, file, made)
        return wrong && `made from ${file.of.map(({ path }) => path).join(" and ")}, it ${wrong}`
      })
    : download(file, path, options).pipe(
        Effect.as(undefined),
        Effect.catch((problem) => Effect.succeed(`from its source, ${file.url} ${problem}`)),
      )

const encoder = new TextEncoder()

/** Writes a file into the cache if its content is the one that is meant; gives what was wrong. */
const place = (path: string, file: DatasetFile, content: () => Promise<Uint8Array>) =>
  Effect.promise(async () => {
    try {
      const bytes = await content()
      const digest = sha256(bytes)
      if (digest !== file.sha256) return `has SHA-256 ${digest}, expected ${file.sha256}`
      writeWhole(path, bytes)
      return undefined
    } catch (error) {
      return `could not be unpacked: ${String(error)}`
    }
  })

/** The records of a .jsonl file. */
const lines = (path: string): Effect.Effect<ReadonlyArray<unknown>, DataError> =>
  Effect.tryPromise({
    try: async () =>
      Array.from(utf8Lines(await readFile(path)), ({ number, text }): unknown => {
        if (text === undefined) throw new Error(`line ${number} is not UTF-8; expected a file in that encoding`)
        try {
          return parseJson(text)
        } catch (error) {
          throw new Error(`line ${number} is no JSON (${String(error)}): ${text.slice(0, 80)}`)
        }
      }),
    catch: (error) => new DataError({ message: `${path} could not be read: ${String(error)}`, cause: error }),
  })

/** The place of a user's own file or folder. */
const own = (path: string, beside: string | undefined): Effect.Effect<string, DataError> => {
  const places = [...new Set([...(beside === undefined ? [] : [resolve(beside, path)]), resolve(path)])]
  const found = places.find(existsSync)
  if (found !== undefined) return Effect.succeed(found)
  const where = isAbsolute(path) ? "" : `: looked for ${places.join(" and ")}`
  return Effect.fail(new DataError({ message: `there is no ${path}${where}` }))
}

/** The files of a folder and of the folders in it. */
const folderAt = (from: string, place: string): Effect.Effect<DataRepository, DataError> =>
  Effect.tryPromise({
    try: async () => {
      const entries = await readdir(place, { recursive: true, withFileTypes: true })
      const files = entries
        .filter((entry) => !entry.isDirectory())
        .map(({ parentPath, name }) => relative(place, join(parentPath, name)).split(sep).join("/"))
        .sort()
      return { name: from, files, locate: (file: string) => Effect.succeed(join(place, ...file.split("/"))) }
    },
    catch: (cause) => new DataError({ message: `${from} could not be read as a folder: ${String(cause)}`, cause }),
  })

/** The data set of a hub at its present commit. */
const onHub = (from: string, hub: FetchOptions | undefined): Effect.Effect<DataRepository, DataError> =>
  fetchDataset(from, hub).pipe(
    Effect.map(({ commit, files, locate }) => {
      const name = shortReference(referenceText({ ...parseReference(from), revision: commit }))
      return { name, files, locate }
    }),
    Effect.mapError((error) => (error._tag === "DataError" ? error : new DataError({ message: error.message }))),
  )

/** The service with its places given. */
export const makeDatasets = (options: DatasetsOptions): Datasets["Service"] => ({
  locate: (file) => locate(file, options),
  lines: (file) => Effect.flatMap(locate(file, options), lines),
  own: (path) => Effect.suspend(() => own(path, options.beside)),
  repository: (from) =>
    isHubReference(from)
      ? onHub(from, options.hub)
      : Effect.suspend(() => own(from, options.beside)).pipe(Effect.flatMap((place) => folderAt(from, place))),
})

/**
 * The layer that an experiment runs with. WINNOW_DATA and the cache folder are read from the environment when the
 * layer is built.
 */
export const datasetsLayer = (options: Partial<DatasetsOptions> = {}): Layer.Layer<Datasets> =>
  Layer.sync(Datasets, () =>
    makeDatasets({ folder: process.env["WINNOW_DATA"], cache: cacheFolder("datasets"), ...options }),
  )
