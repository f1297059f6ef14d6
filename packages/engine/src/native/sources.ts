/** The C++ sources, read once: the hashed texts are the compiled ones, even if the files change meanwhile. */
import { readdir, readFile } from "node:fs/promises"
import { join, posix } from "node:path"
import { sha256 } from "@winnow/files"
import { AttemptFailed } from "../library/error.ts"

/** Texts of a folder's .cpp and .h files. */
export interface Sources {
  readonly folder: string
  /** By path inside the folder, sorted. */
  readonly files: ReadonlyMap<string, string>
  /** SHA-256 of all of them. */
  readonly sha256: string
}

/**
 * Reads the sources of a folder.
 *
 * @param inside folders in it that are read as well
 * @error AttemptFailed if it has no .cpp file
 */
export const readSources = async (folder: string, inside: ReadonlyArray<string> = []): Promise<Sources> => {
  const files = new Map<string, string>()
  for (const part of ["", ...inside])
    for (const name of (await readdir(join(folder, part)).catch(() => [])).toSorted())
      if (/\.(cpp|h)$/.test(name)) files.set(posix.join(part, name), await readFile(join(folder, part, name), "utf8"))
  if (unitsOf({ files }).length === 0) throw new AttemptFailed(`${folder} has no C++ sources`)
  return { folder, files, sha256: sha256(JSON.stringify([...files])) }
}

/** The units in one folder of the sources, each compiled separately. */
export const unitsOf = ({ files }: Pick<Sources, "files">, inside = "."): ReadonlyArray<string> =>
  [...files.keys()].filter((name) => name.endsWith(".cpp") && posix.dirname(name) === inside)

/** SHA-256 of a unit and of all sources that it includes; the compiler's version stands for the system's headers. */
export const unitHash = ({ files }: Sources, unit: string): string => {
  const seen = new Set([unit])
  for (const name of seen)
    for (const [, included] of (files.get(name) ?? "").matchAll(/^\s*#\s*include\s+"([^"]+)"/gm)) {
      const path = posix.join(posix.dirname(name), included!)
      if (files.has(path)) seen.add(path)
    }
  return sha256(JSON.stringify([...seen].toSorted().map((name) => [name, files.get(name)])))
}
