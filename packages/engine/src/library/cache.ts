/**
 * The cache: one folder per build, `<version>-<platform>-<flavour>`, with both libraries and a manifest.
 *
 * A folder appears whole, by one rename. Each start compares only sizes and times; a file whose time differs from the
 * manifest's (it was copied, or written to) is read once and compared with its SHA-256, and the manifest then takes the
 * new time.
 */
import { readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import { sha256OfFileInTurns, writeWhole } from "@winnow/files"
import { type } from "arktype"
import { AttemptFailed } from "./error.ts"
import { librariesIn } from "./folder.ts"
import { type Flavour, type Library, libraryNames, type Platform } from "./library.ts"
import type { Wheel } from "./wheels.ts"

const ManifestFile = type({
  name: "string",
  bytes: "number.integer >= 0",
  sha256: "string.hex == 64",
  /** Modification time in milliseconds. */
  modified: "number",
})

const Manifest = type({
  "+": "reject",
  format: "1",
  version: "string",
  platform: "'linux-x86-64' | 'linux-arm64' | 'macos-arm64'",
  flavour: "'cpu' | 'gpu'",
  wheel: {
    fileName: "string",
    sha256: "string.hex == 64",
    /**
     * The source that vouched for the wheel's checksum: our pin, the index over HTTPS, or pip (against the index's own
     * checksum).
     */
    statedBy: "'pinned' | 'index' | 'pip'",
  },
  files: ManifestFile.array(),
})

/** The manifest of an unpacked build, written beside the libraries as manifest.json. */
export type Manifest = typeof Manifest.infer

const MANIFEST = "manifest.json"

/** Folder of a wheel's libraries, inside the cache folder. */
export const folderOf = (wheel: Wheel, platform: Platform): string => `${wheel.version}-${platform}-${wheel.flavour}`

/** Writes the manifest, the last file of a new folder. */
export const writeManifest = (directory: string, manifest: Manifest): void =>
  writeWhole(join(directory, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`)

/** A file's entry for the manifest, from its present state on the disk. */
export const manifestFile = async (
  directory: string,
  name: string,
  sha256: string,
): Promise<Manifest["files"][number]> => {
  const { size, mtimeMs } = await stat(join(directory, name))
  return { name, bytes: size, sha256, modified: mtimeMs }
}

/**
 * The library in a cache folder, checked as described above; with `thorough` every byte is read.
 *
 * @error AttemptFailed if there is none, or one that does not match its manifest
 */
export const cachedLibrary = async (
  directory: string,
  platform: Platform,
  thorough = false,
): Promise<Pick<Library, "directory" | "version" | "flavour" | "files" | "origin">> => {
  const manifest = await readManifest(directory)
  if (manifest.platform !== platform)
    throw broken(directory, `its manifest is for ${manifest.platform}, this machine is ${platform}`)
  const names = libraryNames(platform)
  const fresh: Array<Manifest["files"][number]> = []
  for (const name of [names.cc, names.framework]) {
    const stated = manifest.files.find((file) => file.name === name)
    if (stated === undefined) throw broken(directory, `its manifest does not list ${name}`)
    fresh.push(await checked(directory, stated, thorough))
  }
  if (
    fresh.some(({ modified }, i) => modified !== manifest.files.find(({ name }) => name === fresh[i]?.name)?.modified)
  )
    refresh(directory, { ...manifest, files: fresh })
  const files = await librariesIn(directory, platform)
  return {
    directory,
    version: manifest.version,
    flavour: manifest.flavour as Flavour,
    files,
    origin: `unpacked from ${manifest.wheel.fileName}`,
  }
}

const checked = async (
  directory: string,
  stated: Manifest["files"][number],
  thorough: boolean,
): Promise<Manifest["files"][number]> => {
  const path = join(directory, stated.name)
  const stats = await stat(path).catch(() => undefined)
  if (stats === undefined) throw broken(directory, `${stated.name} is missing`)
  if (stats.size !== stated.bytes)
    throw broken(directory, `${stated.name} has ${stats.size} bytes, expected ${stated.bytes}`)
  if (!thorough && stats.mtimeMs === stated.modified) return stated
  const sha256 = await sha256OfFileInTurns(path)
  if (sha256 !== stated.sha256)
    throw broken(directory, `${stated.name} has SHA-256 ${sha256}, expected ${stated.sha256}`)
  return { ...stated, modified: stats.mtimeMs }
}

/** Saves the next start from reading everything again; a cache that cannot be written also works, but slower. */
const refresh = (directory: string, manifest: Manifest): void => {
  try {
    writeManifest(directory, manifest)
  } catch {}
}

/**
 * The manifest of an unpacked folder.
 *
 * @error AttemptFailed if it is missing or not understood
 */
export const readManifest = async (directory: string): Promise<Manifest> => {
  let text: string
  try {
    text = await readFile(join(directory, MANIFEST), "utf8")
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === "ENOENT") throw new AttemptFailed(`nothing in ${directory} yet`)
    throw broken(directory, message)
  }
  try {
    return Manifest.assert(JSON.parse(text))
  } catch (cause) {
    throw broken(directory, `${MANIFEST} cannot be understood: ${(cause as Error).message}`)
  }
}

const broken = (directory: string, why: string) =>
  new AttemptFailed(`${directory} is not usable: ${why}`, `Remove it and try again: rm -r '${directory}'`)
