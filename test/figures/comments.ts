/** Comments of TypeScript and C++ as prose, for the rule of how sentences begin. */
import type { Issue } from "./check.ts"
import { readPage } from "./page.ts"
import { openingsOf } from "./prose.ts"

/** A comment: the number of its first line, from 1, and its text without the marks of comments. */
export interface Comment {
  readonly line: number
  readonly text: string
}

const strings = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`/g

/**
 * The comments of a source: blocks that begin a line, `//` lines that follow one another, and `//` after code.
 *
 * The search goes by lines, without a parse of the language, so code inside a template string has comments as well.
 */
export const commentsOf = (source: string): ReadonlyArray<Comment> => {
  const comments: Array<{ readonly line: number; readonly texts: Array<string> }> = []
  let kind: "block" | "lines" | "code" = "code"
  for (const [i, line] of source.split("\n").entries()) {
    const opens = /^\s*(\/\*+|\/\/+) ?/.exec(line)
    if (kind === "block") comments.at(-1)!.texts.push(line.replace(/\*\/.*$/, "").replace(/^\s*\*? ?/, ""))
    else if (opens === null) {
      const behind = /\s\/\/ (.*)$/.exec(line.replace(strings, '""'))
      if (behind !== null) comments.push({ line: i + 1, texts: [behind[1]!] })
      kind = "code"
    } else {
      const text = line.slice(opens[0].length)
      const next = opens[1]!.startsWith("/*") ? "block" : "lines"
      if (next === "lines" && kind === "lines") comments.at(-1)!.texts.push(text)
      else comments.push({ line: i + 1, texts: [next === "block" ? text.replace(/\*\/.*$/, "") : text] })
      kind = next
    }
    if (kind === "block" && line.includes("*/", opens?.[0].length ?? 0)) kind = "code"
  }
  return comments.map(({ line, texts }) => ({ line, text: texts.join("\n") }))
}

/** Sentences in the comments of a source that begin with What, Whether, Those or Which. */
export const commentIssuesOf = (file: string, source: string): ReadonlyArray<Issue> =>
  commentsOf(source).flatMap((comment) =>
    openingsOf(readPage(file, comment.text)).map((issue) => ({ ...issue, line: comment.line + issue.line - 1 })),
  )
