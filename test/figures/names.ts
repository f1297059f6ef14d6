/** Names that modules export, for the rule that a name is a noun or a verb. */
import type { Issue } from "./check.ts"

/** Participles that do not tell the content of a value. */
const participles = new Set([
  "asked",
  "begun",
  "drawn",
  "found",
  "given",
  "held",
  "known",
  "made",
  "said",
  "shown",
  "told",
])

const declaration =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:const|let|function\*?|class|interface|type|enum) (\w+)/

/** Exported names of a source that are such a participle alone, in any case of letters. */
export const nameIssuesOf = (file: string, source: string): ReadonlyArray<Issue> =>
  source.split("\n").flatMap((line, i) => {
    const name = declaration.exec(line)?.[1]
    return name === undefined || !participles.has(name.toLowerCase())
      ? []
      : [{ file, line: i + 1, message: `exports a participle, ${name}; name its content by a noun` }]
  })

const title = /\b(?:test|describe|it)(?:\.\w+)?\(\s*(["'`])((?:(?!\1)[^\\\n]|\\.)*)\1/g

/** Titles of tests that begin with what, whether, those or which. */
export const titleIssuesOf = (file: string, source: string): ReadonlyArray<Issue> =>
  [...source.matchAll(title)].flatMap(({ index, 2: text }) => {
    const word = /^(?:what|whether|those|which)\b/i.exec(text!)?.[0]
    const line = source.slice(0, index).split("\n").length
    return word === undefined
      ? []
      : [{ file, line, message: `a test's title begins with ${word}; begin with the noun` }]
  })
