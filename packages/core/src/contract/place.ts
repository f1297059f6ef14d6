/**
 * Finds the place in a user's own files that an error came from: the first place of its stack outside of Winnow's code
 * and packages.
 */
import { isAbsolute, join, relative } from "node:path"
import { fileURLToPath } from "node:url"

const packages = join(import.meta.dir, "../../..")
const house = join(packages, "..")

/** Winnow's own sources (their tests aside), installed packages and the runtime. */
const isOurs = (file: string): boolean => {
  if (!isAbsolute(file) || file.includes("/node_modules/")) return true
  return file.startsWith(`${packages}/`) && /^[^/]+\/src\/(?!.*\.test\.ts$)/.test(file.slice(packages.length + 1))
}

/** A path for people: relative to the checkout, or to the working directory, if the file lies inside. */
export const shortPath = (file: string): string => {
  const inside = [house, process.cwd()].map((folder) => relative(folder, file)).find((path) => !path.startsWith(".."))
  return inside ?? file
}

interface Positioned {
  readonly stack?: unknown
  /** For Bun's syntax errors: the place at which parsing stopped. */
  readonly position?: { readonly file?: unknown; readonly line?: unknown } | null
}

/** The files and lines of a stack, outermost last. */
const framesOf = (stack: string): ReadonlyArray<{ readonly file: string; readonly line: number }> =>
  stack.split("\n").flatMap((text) => {
    const [, at, line] = /(?:\(|\bat (?:async )?)((?:file:\/\/)?\/.*?):(\d+)(?::\d+)?\)?$/.exec(text.trim()) ?? []
    if (at === undefined) return []
    return [{ file: at.startsWith("file:") ? fileURLToPath(at) : at, line: Number(line) }]
  })

/**
 * The file and line of the user's code that an error came from, such as "plugins/filter-mine/src/index.ts:12".
 *
 * @returns undefined if only Winnow's code is on the stack
 */
export const placeOf = (error: unknown): string | undefined => {
  if (typeof error !== "object" || error === null) return undefined
  const { stack, position } = error as Positioned
  if (typeof position?.file === "string" && isAbsolute(position.file))
    return `${shortPath(position.file)}:${position.line}`
  if (typeof stack !== "string") return undefined
  const frame = framesOf(stack).find(({ file }) => !isOurs(file))
  return frame && `${shortPath(frame.file)}:${frame.line}`
}
