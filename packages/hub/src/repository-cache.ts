/**
 * The cache of one repository, in the layout of `huggingface_hub`: `refs/<revision>` names a commit,
 * `snapshots/<commit>/<file>` links to `blobs/<sum>`, `.no_exist/<commit>/<file>` records that a commit lacks a file.
 * `listings/<commit>.json` is Winnow's own: all files of a commit.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, unlinkSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { writeWhole } from "@winnow/files"
import { type HubReference, isCommit } from "./reference.ts"

/** The cache of a repository. */
export interface RepositoryCache {
  /** The folder of a commit's files. */
  readonly snapshot: (commit: string) => string
  /** The commit of a revision at the last request; undefined if there was none. */
  readonly commitOf: (revision: string) => string | undefined
  readonly writeCommit: (revision: string, commit: string) => void
  /** True if the file exists; it is whole, as files appear by one rename. */
  readonly has: (commit: string, file: string) => boolean
  /** Bytes of an existing file. */
  readonly sizeOf: (commit: string, file: string) => number
  /** True if the commit is known to lack the file. */
  readonly lacks: (commit: string, file: string) => boolean
  readonly writeLack: (commit: string, file: string) => void
  /** The file that lists a commit's files. */
  readonly listing: (commit: string) => string
  /** The place of a file's bytes, by their checksum. */
  readonly blob: (sum: string) => string
  /** Gives a commit's file the bytes of a blob. */
  readonly link: (commit: string, file: string, sum: string) => void
}

const isFile = (path: string) => statSync(path, { throwIfNoEntry: false })?.isFile() === true

/** The cache of a repository, within the common cache. */
export const repositoryCache = (
  cache: string,
  { kind, repo }: Pick<HubReference, "kind" | "repo">,
): RepositoryCache => {
  const root = join(cache, `${kind}s--${repo.replaceAll("/", "--")}`)
  const snapshot = (commit: string) => join(root, "snapshots", commit)
  const ref = (revision: string) => join(root, "refs", revision)
  const lack = (commit: string, file: string) => join(root, ".no_exist", commit, file)
  const blob = (sum: string) => join(root, "blobs", sum)
  return {
    snapshot,
    blob,
    listing: (commit) => join(root, "listings", `${commit}.json`),
    commitOf: (revision) => {
      const file = ref(revision)
      const commit = isFile(file) ? readFileSync(file, "utf8").trim() : undefined
      return isCommit(commit) ? commit : undefined
    },
    writeCommit: (revision, commit) => {
      mkdirSync(dirname(ref(revision)), { recursive: true })
      writeWhole(ref(revision), commit)
    },
    has: (commit, file) => isFile(join(snapshot(commit), file)),
    sizeOf: (commit, file) => statSync(join(snapshot(commit), file)).size,
    lacks: (commit, file) => existsSync(lack(commit, file)),
    writeLack: (commit, file) => {
      mkdirSync(dirname(lack(commit, file)), { recursive: true })
      writeWhole(lack(commit, file), "")
    },
    link: (commit, file, sum) => {
      const place = join(snapshot(commit), file)
      mkdirSync(dirname(place), { recursive: true })
      const fresh = `${place}.${crypto.randomUUID()}.tmp`
      symlinkSync(relative(dirname(place), blob(sum)), fresh)
      try {
        renameSync(fresh, place)
      } catch (error) {
        unlinkSync(fresh)
        throw error
      }
      rmSync(lack(commit, file), { force: true })
    },
  }
}
