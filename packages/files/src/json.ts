/** JSON from outside: with bounded nesting, and without numbers beyond a double. */

/** Levels of lists and objects in the deepest known file. Deeper nesting would overflow recursive code. */
const usual = 64

/** A path in a document, for messages. */
const placeOf = (path: ReadonlyArray<string | number>): string => {
  const keys = path.slice(0, 6).map((key) => (typeof key === "number" ? `[${key}]` : `.${key.slice(0, 40)}`))
  return path.length === 0 ? "the value" : `${keys.join("").replace(/^\./, "")}${path.length > 6 ? "..." : ""}`
}

/**
 * The fault of a parsed value: nesting deeper than `nesting`, or an infinite number, as 1e999 is parsed.
 *
 * @returns undefined for a usable value
 */
export const jsonProblem = (value: unknown, nesting: number = usual): string | undefined => {
  interface Visit {
    readonly value: unknown
    readonly depth: number
    readonly key: string | number
    readonly above: Visit | undefined
  }
  const pathOf = (visit: Visit): ReadonlyArray<string | number> => {
    const path: Array<string | number> = []
    for (let at: Visit | undefined = visit; at?.above !== undefined; at = at.above) path.push(at.key)
    return path.reverse()
  }
  const stack: Array<Visit> = [{ value, depth: 0, key: "", above: undefined }]
  for (let visit = stack.pop(); visit !== undefined; visit = stack.pop()) {
    const { value: node, depth } = visit
    if (typeof node === "number" && !Number.isFinite(node))
      return `${placeOf(pathOf(visit))} is a number beyond what a double holds (1.8e308)`
    if (typeof node !== "object" || node === null) continue
    if (depth >= nesting) return `lists and objects are nested deeper than ${nesting} levels; is this the right text?`
    const inside = Array.isArray(node) ? node.entries() : Object.entries(node)
    for (const [key, inner] of inside)
      if (typeof inner === "object" || typeof inner === "number")
        stack.push({ value: inner, depth: depth + 1, key, above: visit })
  }
  return undefined
}

/**
 * Parses JSON from outside. Keys such as `__proto__` become plain fields.
 *
 * @param nesting allowed levels of lists and objects
 * @error SyntaxError (thrown) for text that is not JSON, is nested deeper, or has a number such as 1e999
 */
export const parseJson = (text: string, nesting: number = usual): unknown => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    // JSON.parse overflowed its own stack on deeply nested text.
    if (error instanceof RangeError) throw new SyntaxError(`lists and objects are nested deeper than ${nesting} levels`)
    throw error
  }
  const problem = jsonProblem(value, nesting)
  if (problem !== undefined) throw new SyntaxError(problem)
  return value
}
