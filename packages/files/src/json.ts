/** JSON from outside: bounded in its nesting, and without numbers that a double does not hold. */

/** Levels of lists and objects in the deepest file that we know; what is nested deeper ends recursive code. */
const usual = 64

/** A place in a document, for messages. */
const placeOf = (path: ReadonlyArray<string | number>): string => {
  const shown = path.slice(0, 6).map((key) => (typeof key === "number" ? `[${key}]` : `.${key.slice(0, 40)}`))
  return path.length === 0 ? "the value" : `${shown.join("").replace(/^\./, "")}${path.length > 6 ? "..." : ""}`
}

/**
 * The fault of an unusable parsed value: nesting deeper than `nesting`, or an infinite number, which 1e999 is read as.
 *
 * @returns undefined for a usable one
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
    const { value: found, depth } = visit
    if (typeof found === "number" && !Number.isFinite(found))
      return `${placeOf(pathOf(visit))} is a number beyond what a double holds (1.8e308)`
    if (typeof found !== "object" || found === null) continue
    if (depth >= nesting) return `lists and objects are nested deeper than ${nesting} levels; is this the right text?`
    const inside = Array.isArray(found) ? found.entries() : Object.entries(found)
    for (const [key, inner] of inside)
      if (typeof inner === "object" || typeof inner === "number")
        stack.push({ value: inner, depth: depth + 1, key, above: visit })
  }
  return undefined
}

/**
 * Parses JSON that comes from outside. Keys such as `__proto__` become plain fields.
 *
 * @param nesting levels of lists and objects that are allowed
 * @error SyntaxError (thrown) for what is no JSON, is nested deeper, or holds a number such as 1e999
 */
export const parseJson = (text: string, nesting: number = usual): unknown => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    // The engine's own stack, on a text that is nested too deep for it.
    if (error instanceof RangeError) throw new SyntaxError(`lists and objects are nested deeper than ${nesting} levels`)
    throw error
  }
  const problem = jsonProblem(value, nesting)
  if (problem !== undefined) throw new SyntaxError(problem)
  return value
}
