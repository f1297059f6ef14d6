/**
 * References to repositories of a hub: `hf:owner/name` is a model, `hf:datasets/owner/name` a data set, each with
 * `@revision` behind it for a branch, a tag or a commit.
 */
import { cut, InvalidInput } from "@winnow/core"

/** The content of a repository, and the word that the hub's addresses have for it. */
export type RepositoryKind = "model" | "dataset"

/** A repository on a hub, at some revision. */
export interface HubReference {
  readonly kind: RepositoryKind
  /** "owner/name", or "name" alone of an old repository. */
  readonly repo: string
  /** Undefined: the main branch as it is. */
  readonly revision: string | undefined
}

const start = "hf:"
const ofDatasets = "datasets/"

/** True of a text that means a repository, in its right form or not. */
export const isHubReference = (text: string): boolean => text.startsWith(start)

/** True of a text that means a data set's repository, in its right form or not. */
export const isDatasetReference = (text: string): boolean => text.startsWith(`${start}${ofDatasets}`)

/** True of a revision that never moves: the whole hash of a commit. */
export const isCommit = (revision: string | undefined): revision is string =>
  revision !== undefined && /^[0-9a-f]{40}$/.test(revision)

// names on the hub: letters, digits, "-", "_" and ".", no "--" and no "..", as the cache's folders rely on
const name = String.raw`[A-Za-z0-9](?:[\w.-]{0,95}[A-Za-z0-9_])?`
const form = new RegExp(`^(?:${name}/)?${name}$`)
const revisionForm = /^[A-Za-z0-9_][\w.+-]*(?:\/[\w.+-]+)*$/

/**
 * The repository that a text means.
 *
 * @error InvalidInput (thrown) for a text that begins with "hf:" and is no reference
 */
export const parseReference = (text: string): HubReference => {
  const kind = isDatasetReference(text) ? "dataset" : "model"
  const head = kind === "dataset" ? `${start}${ofDatasets}` : start
  const [repo = "", revision, ...more] = text.slice(head.length).split("@")
  const isName = form.test(repo) && !/--|\.\.|\.git$/.test(repo)
  const isRevision = revision === undefined || (revisionForm.test(revision) && !revision.includes(".."))
  if (isHubReference(text) && isName && isRevision && more.length === 0) return { kind, repo, revision }
  const problems = [`expected ${head}owner/name, or ${head}owner/name@revision with a branch, a tag or a commit`]
  throw new InvalidInput({ what: cut(text, 100), problems })
}

/** A reference in a few characters, a commit by its first 12; another text as it is. */
export const shortReference = (text: string): string => {
  const [repo, revision] = text.split("@")
  return isHubReference(text) && isCommit(revision) ? `${repo}@${revision.slice(0, 12)}` : text
}

/** A reference as a text. */
export const referenceText = ({ kind, repo, revision }: HubReference): string =>
  `${start}${kind === "dataset" ? ofDatasets : ""}${repo}${revision === undefined ? "" : `@${revision}`}`
