/** Describes the fault of an experiment's file that cannot be imported: a message with file and line. */
import { isUtf8 } from "node:buffer"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { InvalidInput, messageOf, placeOf, shortPath } from "@winnow/core"

/** The files that an experiment imports by relative paths, directly or indirectly, itself first. */
const reached = (file: string): ReadonlyArray<string> => {
  const files = new Set<string>([file])
  const transpiler = new Bun.Transpiler({ loader: "ts" })
  for (const at of files) {
    if (files.size > 200) break
    try {
      for (const { path } of transpiler.scanImports(readFileSync(at, "utf8")))
        if (path.startsWith(".") && existsSync(join(dirname(at), path))) files.add(join(dirname(at), path))
    } catch {
      // The import names a file that cannot be read or parsed.
    }
  }
  return [...files]
}

/** The first line of a file that holds a word. */
const lineWith = (file: string, word: string): number | undefined => {
  try {
    const at = readFileSync(file, "utf8")
      .split("\n")
      .findIndex((line) => line.includes(word) && !/^\s*(\/\/|\*|\/\*)/.test(line))
    return at < 0 ? undefined : at + 1
  } catch {
    return undefined
  }
}

/** The place that imports a name that no module exports, or a missing module. */
const importPlace = (file: string, error: unknown): string | undefined => {
  const { specifier, referrer } = error as { readonly specifier?: unknown; readonly referrer?: unknown }
  if (typeof specifier === "string" && typeof referrer === "string" && referrer.startsWith("/")) {
    const line = lineWith(referrer, specifier)
    return `${shortPath(referrer)}${line === undefined ? "" : `:${line}`}`
  }
  const [, name] = /^Export named '([^']+)' not found/.exec(error instanceof Error ? error.message : "") ?? []
  if (name === undefined) return undefined
  for (const at of reached(file)) {
    const line = lineWith(at, name)
    if (line !== undefined) return `${shortPath(at)}:${line}`
  }
  return shortPath(file)
}

/**
 * Finds bytes in an experiment's files that are not UTF-8; undefined if there are none. Bun replaces such bytes, so
 * texts would differ from those that their author wrote.
 */
export const encodingProblem = (file: string): string | undefined => {
  for (const at of reached(file)) {
    try {
      if (isUtf8(readFileSync(at))) continue
    } catch {
      continue // The import reports this fault.
    }
    const lines = readFileSync(at, "latin1").split("\n")
    const line = lines.findIndex((text) => !isUtf8(Buffer.from(text, "latin1"))) + 1
    return `is not UTF-8; save it in that encoding (${shortPath(at)}:${line})`
  }
  return undefined
}

/**
 * The fault of a file that threw an error during its import.
 *
 * @param what names the file in the error
 */
export const importFault = (what: string, file: string, error: unknown): InvalidInput => {
  const problem = error instanceof InvalidInput ? error.message : messageOf(error)
  const place = error instanceof InvalidInput ? undefined : (importPlace(file, error) ?? placeOf(error))
  return new InvalidInput({ what, problems: [place === undefined ? problem : `${problem} (${place})`] })
}
