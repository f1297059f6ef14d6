/** One file of a public data set: its content by SHA-256, and the place that serves it. */

/** The content of a file, independent of its place. */
interface Content {
  /** Path inside WINNOW_DATA and the cache, such as "gsm8k/train.jsonl". */
  readonly path: string
  readonly sha256: string
  readonly bytes: number
  readonly licence: string
}

/** A file on a server. */
export interface ServedFile extends Content {
  readonly url: string
  /** The file is the first `bytes` bytes of a longer file at the URL. */
  readonly startOf?: true
}

/** A file computed from others: a split of one, the records of several, or records in another format. */
export interface DerivedFile extends Content {
  readonly of: readonly [ServedFile, ...ReadonlyArray<ServedFile>]
  /** Computes the content from those of `of`, in order; its SHA-256 is checked, so a change of this function shows. */
  readonly by: (...served: ReadonlyArray<Uint8Array>) => string
}

/** One file of a public data set. */
export type DatasetFile = ServedFile | DerivedFile

/**
 * A value as JSON with a space after each comma and colon, and letters beyond ASCII unescaped: Python's `json.dumps`.
 */
const spaced = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(spaced).join(", ")}]`
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  return `{${Object.entries(value)
    .map(([key, field]) => `${JSON.stringify(key)}: ${spaced(field)}`)
    .join(", ")}}`
}

/** Records as the lines of a .jsonl file, each with its line end. */
export const jsonLines = (records: ReadonlyArray<unknown>): string =>
  records.map((record) => `${spaced(record)}\n`).join("")
