/**
 * The weights of a folder: its own files, or those of a shared part elsewhere and a private part here. config.json of a private
 * folder names the shared one.
 */
import { existsSync } from "node:fs"
import { join, relative, resolve } from "node:path"
import { DataError, InvalidInput } from "@winnow/core"
import { sha256 } from "@winnow/files"
import { readJson, type WeightFiles, weightFiles } from "./folder.ts"
import { privateKey, privateOfConfig } from "./private-part.ts"
import { openSafetensors } from "./safetensors.ts"
import { isReadable } from "./safetensors-header.ts"
import { isRecord } from "./shown.ts"

/** The file of the private parameters. */
export const privateFile = "private.safetensors"

/**
 * The SHA-256 of the first row of every tensor of a folder, with the names and shapes: it tells one shared part from another
 * without a read of all bytes. Damage elsewhere in a file is not its concern.
 *
 * @error DataError (thrown) for a folder without weights
 */
export const firstRows = (dir: string): string => firstRowsOf(weightFiles(dir).files)

/** The same of the tensors of some files. @error DataError (thrown) for a file that is none */
export const firstRowsOf = (files: ReadonlyArray<string>): string => {
  const lines: Array<string> = []
  for (const path of files) {
    const file = openSafetensors(path)
    try {
      for (const [name, { shape, dtype }] of file.tensors) {
        let first = ""
        if (isReadable(dtype) && shape.length > 0) {
          file.keepRows(name, 1)
          first = sha256(new Uint8Array(file.read(name).buffer))
        }
        lines.push(`${name} ${shape.join()} ${first}`)
      }
    } finally {
      file.close()
    }
  }
  return sha256(lines.toSorted().join("\n"))
}

/** The private part that the config.json of a folder names; undefined for a whole model. */
const sharedOf = (dir: string): { readonly path: string; readonly rows: string } | undefined => {
  const file = join(dir, "config.json")
  if (!existsSync(join(dir, privateFile)) || !existsSync(file)) return undefined
  const config = readJson(file)
  const found = isRecord(config) ? privateOfConfig(config) : undefined
  if (typeof found === "string") throw new InvalidInput({ what: file, problems: [found] })
  return found?.shared
}

/** The files of the shared part that a folder names, by their paths from the folder; none for a whole model. */
export const sharedFiles = (dir: string): ReadonlyArray<string> => {
  const shared = sharedOf(dir)
  return shared === undefined ? [] : weightFiles(resolve(dir, shared.path)).files.map((file) => relative(dir, file))
}

/**
 * The files of a folder's weights: of a private folder those of its shared part, and its own.
 *
 * @error DataError (thrown) for a shared part that is gone, or is another one than that the private part was trained beside
 */
export const weightsOfFolder = (dir: string): WeightFiles => {
  const shared = sharedOf(dir)
  if (shared === undefined) return weightFiles(dir)
  const at = resolve(dir, shared.path)
  const fail = (problem: string) => new DataError({ message: `${dir}: its shared part ${at} ${problem}` })
  if (!existsSync(at)) throw fail(`is gone; put it back, or change shared.path of ${privateKey} in config.json`)
  if (sharedOf(at) !== undefined) throw fail("is a private part itself; name the folder of a whole model")
  let weights: WeightFiles
  try {
    weights = weightFiles(at)
  } catch (error) {
    throw error instanceof DataError ? fail(`has no weights: ${error.message}`) : error
  }
  const { files, index } = weights
  if (firstRows(at) !== shared.rows)
    throw fail("has other weights than those that the private part was trained beside; adapt the draft anew")
  const own = join(dir, privateFile)
  return { files: [...files, own], index }
}
