/** Rules of wording for pages that a program can check: first words of sentences, width of prose. */
import type { Issue } from "./check.ts"
import { lineAt, type Page } from "./page.ts"

/** Words that begin no sentence: a concrete noun is clearer. */
const openings = /(?:^|(?<=[.!?:]\s+|\|\s*|\*\*|[#*-] |\d\. |@param \S+ |@\w+ ))(?:What|Whether|Those|Which)\b/gm

/** The width that prose wraps at. */
const width = 120

/** Sentences that begin with What, Whether, Those or Which. */
export const openingsOf = (page: Page): ReadonlyArray<Issue> =>
  [...page.visible.matchAll(openings)]
    // The beginning of a line counts only if the line before ends a sentence.
    .filter(({ index }) => {
      const before = page.visible.slice(0, index)
      return !before.endsWith("\n") || /(?:^|\n\s*\n|[.!?:|]\s*\n)$/.test(before)
    })
    .map((match) => ({
      file: page.file,
      line: lineAt(page, match.index),
      message: `a sentence begins with ${match[0]}; begin with the noun that is meant`,
    }))

/** The words of a line, with links and code as one word each: a line breaks only between words. */
const words = (line: string): ReadonlyArray<string> =>
  line
    .replace(/!?\[[^\]]*\](?:\([^)]*\)|\[[^\]]*\])|`[^`]*`/g, (word) => word.replace(/\s/g, "_"))
    .trim()
    .split(/\s+/)

const lines = (page: Page): ReadonlyArray<Issue> => {
  const issues: Array<Issue> = []
  let code = false
  const original = page.text.split("\n")
  const uncommented = page.text.replace(/<!--[\s\S]*?-->/g, (comment) => comment.replace(/[^\n]/g, ""))
  for (const [i, line] of uncommented.split("\n").entries()) {
    const fence = /^\s*```/.test(line)
    if (fence) code = !code
    if (code || fence || /^\s*(?:\||#|\[[^\]]+\]: )|^ {4}/.test(line)) continue
    // The rest of a broken span could begin its line like an item of a list.
    if ((original[i]!.match(/`+/g) ?? []).length % 2 > 0)
      issues.push({ file: page.file, line: i + 1, message: "a code span goes on to another line" })
    const text = words(line).join(" ")
    if (text.length > width && words(line).filter((word) => !/^[-*]$/.test(word)).length > 1)
      issues.push({ file: page.file, line: i + 1, message: `${text.length} characters; prose wraps at ${width}` })
  }
  return issues
}

/** Sentences that begin with What, Whether, Those or Which, lines wider than 120 characters, code spans over two lines. */
export const proseOf = (page: Page): ReadonlyArray<Issue> => [...openingsOf(page), ...lines(page)]
