/**
 * Finds the place of a plugin's definition: the files on the call stack of `defineFilter` and its siblings. An
 * artifact's key contains the content of these files and of all that they import, so an author has nothing to declare
 * and nothing to forget.
 */
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** The place of one definition. */
export interface Origin {
  /** Absolute paths: the module that defines the plugin first, then the modules that called it. */
  readonly files: ReadonlyArray<string>
  /**
   * Number of earlier definitions of this kind and name from these files in this process: one function may define
   * several.
   */
  readonly ordinal: number
}

/** The files on the stack of every definition. */
const machinery = new Set(
  [
    "origin",
    "plugin",
    "data-task",
    "example-filter",
    "filter",
    "head",
    "loss",
    "model",
    "objective",
    "proposer",
    "service",
    "task",
    "variable",
  ].map((name) => join(import.meta.dir, `${name}.ts`)),
)
const seen = new Map<string, number>()

/** The path in a line of a stack: `at name (/path/file.ts:1:2)` or `at /path/file.ts:1:2`. */
const pathIn = (line: string): string | undefined => {
  const path = /(?:\(|at (?:async )?)((?:file:\/\/)?\/[^()]*?|[A-Za-z]:[\\/][^()]*?):\d+(?::\d+)?\)?\s*$/.exec(
    line,
  )?.[1]
  if (path === undefined) return undefined
  return path.startsWith("file://") ? fileURLToPath(path) : path.replace(/\?.*$/, "")
}

const callers = (): ReadonlyArray<string> => {
  const before = Error.stackTraceLimit
  Error.stackTraceLimit = 1000
  const stack = new Error().stack ?? ""
  Error.stackTraceLimit = before
  return stack.split("\n").flatMap((line) => pathIn(line) ?? [])
}

/**
 * The origin of the current definition.
 *
 * A function in tail position leaves no frame, but its caller's module does, and that module imports it.
 *
 * @param from a further file, as its `import.meta.url`: for a definition on behalf of another module
 */
export const originOf = (kind: string, name: string, from?: string): Origin => {
  const further = from === undefined ? [] : [from.startsWith("file:") ? fileURLToPath(from) : from]
  const files = [...new Set([...further, ...callers()])].filter((file) => !machinery.has(file))
  const place = [kind, name, ...files].join("\0")
  const ordinal = seen.get(place) ?? 0
  seen.set(place, ordinal + 1)
  return { files, ordinal }
}
