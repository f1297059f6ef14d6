/** Finds removable files of a store: artifacts of no published or recent run, leftovers of stopped attempts. */
import { spawnSync } from "node:child_process"
import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs"
import { join } from "node:path"
import { discard, FileError, isAlive, parseJson, parseOwner, readRegularText } from "@winnow/files"
import { type } from "arktype"

/** A removable file or folder. */
export interface Removable {
  readonly path: string
  readonly kind: "artifact" | "stopped attempt" | "leftover"
  /** The stage of an artifact or attempt; null for a leftover. */
  readonly stage: string | null
  readonly bytes: number
  /** Days since the last use or write. */
  readonly days: number
}

/** A store as `clean` sees it. */
export interface Cleaning {
  readonly removable: ReadonlyArray<Removable>
  /** Count and bytes of the artifacts that stay. */
  readonly needed: { readonly artifacts: number; readonly bytes: number }
}

const day = 86_400_000

/** Bytes of all files under a path, links not followed. */
const bytesOf = (path: string): number => {
  const stats = lstatSync(path)
  if (!stats.isDirectory()) return stats.size
  return readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0)
}

/** Time of the last write to any file under a path, ms. */
const lastWritten = (path: string): number => {
  const stats = lstatSync(path)
  if (!stats.isDirectory()) return stats.mtimeMs
  return readdirSync(path).reduce((last, name) => Math.max(last, lastWritten(join(path, name))), stats.mtimeMs)
}

const foldersIn = (folder: string): ReadonlyArray<string> =>
  existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []

const stages = type({ stages: type({ kind: "string", key: "string" }).array() })

/** Records that git tracks below a folder; undefined where git gives no answer, and then every record counts. */
const publishedIn = (results: string): ReadonlySet<string> | undefined => {
  const { status, stdout } = spawnSync("git", ["-C", results, "ls-files", "--full-name", "."], { encoding: "utf8" })
  const top = spawnSync("git", ["-C", results, "rev-parse", "--show-toplevel"], { encoding: "utf8" })
  if (status !== 0 || top.status !== 0) return undefined
  return new Set(stdout.split("\n").map((path) => join(top.stdout.trim(), path)))
}

const parsed = (file: string) => {
  const text = readRegularText(file, { most: 256 << 20, what: "the record of a run" })
  try {
    return stages(parseJson(text))
  } catch {
    return stages(undefined) // A file that is not JSON is no record.
  }
}

/**
 * The artifacts that a published or a recent run of a results folder names, as "stage/key".
 *
 * @param since ms: a record written later belongs to a recent run
 */
const namedIn = (results: string, since: number): ReadonlyArray<string> => {
  const published = existsSync(results) ? publishedIn(results) : undefined
  return foldersIn(results)
    .flatMap((slug) => (lstatSync(slug).isDirectory() ? foldersIn(slug) : []))
    .map((run) => join(run, "run.json"))
    .filter((file) => existsSync(file))
    .filter((file) => published === undefined || published.has(realpathSync(file)) || lstatSync(file).mtimeMs > since)
    .flatMap((file) => {
      const record = parsed(file)
      if (record instanceof type.errors)
        throw new FileError(file, "is not the record of a run, so its needs are unknown; repair it or move it away")
      return record.stages.map(({ kind, key }) => `${kind}/${key}`)
    })
}

/** True if a lock's holder lives, or may live on another host. */
const isHeld = (file: string): boolean => {
  try {
    const owner = parseOwner(readFileSync(file, "utf8"))
    return owner !== undefined && isAlive(owner) !== false
  } catch {
    return false
  }
}

/**
 * Finds the removable files of a store; removes nothing.
 *
 * @param options.results folders of results: their records name the artifacts that are needed
 * @param options.days artifacts used, and attempts written, in the last days stay too
 * @error FileError for a record that cannot be read
 */
export const findRemovable = (
  home: string,
  options: { readonly results: ReadonlyArray<string>; readonly days: number; readonly now?: number },
): Cleaning => {
  const { results, days, now = Date.now() } = options
  const named = new Set(results.flatMap((folder) => namedIn(folder, now - days * day)))
  const locks = join(home, "locks")
  const removable: Array<Removable> = []
  const needed = { artifacts: 0, bytes: 0 }
  const add = (path: string, kind: Removable["kind"], stage: string | null, at: number) =>
    removable.push({ path, kind, stage, bytes: bytesOf(path), days: (now - at) / day })

  for (const kindFolder of foldersIn(join(home, "artifacts"))) {
    const stage = kindFolder.slice(kindFolder.lastIndexOf("/") + 1)
    for (const path of foldersIn(kindFolder)) {
      const name = path.slice(kindFolder.length + 1)
      const [, key, rest] = /^([0-9a-f]{64})(.*)$/.exec(name) ?? []
      if (key === undefined || isHeld(join(locks, `${stage}-${key}.lock`))) continue
      const isArtifact = rest === ""
      // Each use of an artifact sets the time of its folder.
      const at = isArtifact ? lstatSync(path).mtimeMs : lastWritten(path)
      const recent = now - at < days * day
      if (rest === ".partial" && !recent) add(path, "stopped attempt", stage, at)
      else if (isArtifact && !recent && !named.has(`${stage}/${key}`)) add(path, "artifact", stage, at)
      else if (rest!.includes(".discarded-")) add(path, "leftover", stage, at)
      else if (isArtifact) {
        needed.artifacts++
        needed.bytes += bytesOf(path)
      }
    }
  }
  for (const path of foldersIn(locks)) if (!isHeld(path)) add(path, "leftover", null, lastWritten(path))
  for (const path of foldersIn(join(home, "hashes"))) {
    const [, stage, key] = /\/([a-z-]+)-([0-9a-f]{64})\.json[^/]*$/.exec(path) ?? []
    if (stage !== undefined && stage !== "folder" && !existsSync(join(home, "artifacts", stage, key!)))
      add(path, "leftover", null, lastWritten(path))
  }
  return { removable: removable.toSorted((a, b) => b.bytes - a.bytes), needed }
}

/** Removes these files and folders. @returns the number of freed bytes */
export const removeAll = (removable: ReadonlyArray<Removable>): number => {
  for (const { path } of removable) {
    if (path.includes(".discarded-")) rmSync(path, { recursive: true, force: true })
    else discard(path)
  }
  return removable.reduce((sum, { bytes }) => sum + bytes, 0)
}
