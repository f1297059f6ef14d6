/**
 * A model from a folder in Hugging Face format: its key holds what the folder holds, not where it is. The artifact may
 * have been made when the same files were elsewhere, so the folder is always the one that this run names.
 */
import { existsSync, readdirSync } from "node:fs"
import { join, resolve } from "node:path"
import { type Architecture, type Attends, DataError, InvalidInput } from "@winnow/core"
import { fileErrorOf, sha256 } from "@winnow/files"
import { localFolder, shortReference } from "@winnow/hub"
import { headWeightFiles, parameterCount, readArchitecture, sharedFiles } from "@winnow/models"
import { Effect } from "effect"
import { knownFamilies } from "../families.ts"
import { SharedRows } from "../shared-rows.ts"
import { type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import { inPieces } from "../store/in-pieces.ts"
import { knownHashes } from "../store/known-hashes.ts"
import { type Artifact, winnowHome } from "../store/store.ts"

/** Hashes of a folder's files, remembered in the user's store: bytes are read again where size or time changed. */
const hashesOf = (folder: string, names: ReadonlyArray<string>): Effect.Effect<Record<string, string>, DataError> =>
  Effect.suspend(() => {
    const memory = join(winnowHome(), "hashes", `folder-${sha256(folder)}.json`)
    const files = names.map((name) => join(folder, name))
    return inPieces(
      () => knownHashes(memory, files),
      (error) => new DataError({ message: fileErrorOf(error, folder)?.message ?? String(error), cause: error }),
    )
  }).pipe(Effect.map((hashes) => Object.fromEntries(names.map((name, i) => [name, hashes[i]!]))))

/**
 * The hashes of a head's folder: its weights, or those of its shared head and of its private part, by their paths from there.
 *
 * @error DataError for a folder without them
 */
export const headHashes = (folder: string): Effect.Effect<Record<string, string>, DataError | InvalidInput> =>
  Effect.flatMap(
    Effect.try({
      try: () => headWeightFiles(folder),
      catch: (cause) => {
        if (cause instanceof DataError || cause instanceof InvalidInput) return cause
        throw cause
      },
    }),
    (files) => hashesOf(folder, files),
  )

/**
 * The architecture of a folder, its files held against each other; `notes` says what was left aside.
 *
 * @param name of the model in errors: "target", "draft"
 */
export const folderArchitecture = (
  name: string,
  path: string,
): Effect.Effect<Architecture<Attends>, DataError | InvalidInput> =>
  Effect.gen(function* () {
    const [families, rows] = [yield* knownFamilies, yield* SharedRows]
    const folder = yield* localFolder(path)
    const whole = yield* readArchitecture(folder, families)
    if (rows === undefined || whole.vocabularySize <= rows) return whole
    const note = `${shortReference(path)} has ${whole.vocabularySize} rows of the vocabulary; the first ${rows} are read, as the others have no token`
    const { notes = [], ...first } = yield* readArchitecture(folder, families, { rows })
    return { ...first, notes: [...notes, note] }
  }).pipe(
    Effect.mapError((error) =>
      error._tag === "DataError" ? new DataError({ message: `${name} ${error.message}`, cause: error }) : error,
    ),
  )

/** The rows that are read of a folder, where it has more. */
const cutRows = (folder: string, { vocabularySize: rows }: Architecture<Attends>) =>
  Effect.gen(function* () {
    const shared = yield* SharedRows
    if (shared === undefined) return {}
    const whole = yield* readArchitecture(folder, yield* knownFamilies)
    return whole.vocabularySize > rows ? { rows } : {}
  })

/**
 * The stage of a folder: it hashes the files and copies nothing.
 *
 * @param spec.name of the model in labels and errors: "target", "draft start"
 * @param spec.path a folder, or a reference to a repository of a hub
 * @error DataError when the folder has no weights in safetensors
 */
export const folderStage = (spec: {
  readonly kind: "target" | "start"
  readonly name: string
  readonly path: string
  readonly architecture: Architecture<Attends>
}): Effect.Effect<Stage, DataError | InvalidInput> =>
  Effect.gen(function* () {
    const { kind, name, path, architecture } = spec
    const folder = resolve(yield* localFolder(path))
    const weights = existsSync(folder)
      ? readdirSync(folder)
          .filter((f) => f.endsWith(".safetensors"))
          .toSorted()
      : []
    if (weights.length === 0)
      return yield* new DataError({ message: `${name} ${folder}: no .safetensors file; save the weights there` })
    // `readArchitecture` has read the shared part of a private folder.
    const hashes = yield* hashesOf(folder, ["config.json", ...weights, ...sharedFiles(folder)])
    const cut = yield* cutRows(folder, architecture)
    const parameters = parameterCount(architecture)
    return stage({
      kind,
      label: `${name} from ${shortReference(path)}`,
      config: { files: hashes, ...cut },
      inputs: [],
      // the family says what the files mean
      code: architecture.family
        ? stageCode({ revisions: [], tensors: false, plugins: [architecture.family.use({})] })
        : null,
      work: { parameters },
      run: () => Effect.succeed({ path: folder, parameters, ...cut }),
      today: { path: folder },
    })
  })

/** The files of a folder with their hashes, as its artifact holds them. */
export const filesOfFolder = ({ made }: Artifact["manifest"]): Readonly<Record<string, string>> =>
  (made as { config: { files: Record<string, string> } }).config.files

/** The rows of the vocabulary that are read of a folder's artifact; undefined: all. */
export const rowsOfFolder = ({ manifest }: Artifact): number | undefined => {
  const { rows } = manifest.summary
  return typeof rows === "number" ? rows : undefined
}

/**
 * Where a model's weights are: in its artifact, or in the folder that this run names, if that holds what it held when
 * the run began.
 *
 * @error DataError if a file of the folder has changed or is gone
 */
export const modelDirectory = ({ directory, manifest }: Artifact): Effect.Effect<string, DataError> =>
  Effect.gen(function* () {
    const folder = manifest.summary["path"]
    if (typeof folder !== "string") return directory
    const files = filesOfFolder(manifest)
    const now = yield* hashesOf(folder, Object.keys(files))
    const changed = Object.keys(files).find((name) => now[name] !== files[name])
    if (changed === undefined) return folder
    return yield* new DataError({
      message: `${join(folder, changed)} has changed since this run began: leave the folder as it is, and run again`,
    })
  })
