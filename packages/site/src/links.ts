/** The pages of a repository with the ends of their links, and their faults: all that a check needs, without the lab. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import type { Token } from "marked"
import { type MarkdownPage, readMarkdown } from "./markdown.ts"
import { type End, endOf, pagesIn } from "./places.ts"

/** A fault of a page, at a line from 1. */
export interface Issue {
  readonly file: string
  readonly line: number
  readonly message: string
}

/** `file:line: message`. */
export const issueText = ({ file, line, message }: Issue): string => `${file}:${line}: ${message}`

/** All pages that a repository has. */
export const readPages = (root: string): ReadonlyMap<string, MarkdownPage> =>
  new Map(pagesIn(root).map((file) => [file, readMarkdown(file, readFileSync(join(root, file), "utf8"))]))

/** A link with its end. */
export interface Resolved {
  readonly token: Token
  readonly end: End
}

/** The fault of HTML. Markdown reads a whole line that begins with a comment as HTML, its marks included. */
const htmlFault = (text: string): string =>
  text.startsWith("<!--")
    ? `${JSON.stringify(text)} begins with a comment, so Markdown takes all of the line as HTML; put a word before it`
    : `${JSON.stringify(text)} is HTML, which the site leaves out; write it in Markdown, or a name in code marks`

/** The ends of a page's links, and its faults. */
export const resolveLinks = (root: string, page: MarkdownPage, pages: ReadonlyMap<string, MarkdownPage>) => {
  const names = new Set(pages.keys())
  const issues: Array<Issue> = page.html.map(({ text, line }) => ({ file: page.file, line, message: htmlFault(text) }))
  const ends: Array<Resolved> = []
  for (const { token, href, line } of page.links) {
    const end = endOf(root, page.file, href, names)
    ends.push({ token, end })
    if (end.kind === "nowhere") issues.push({ file: page.file, line, message: `the link ${href} ${end.why}` })
    if (end.kind !== "page" || end.anchor === "") continue
    const { headings } = pages.get(end.page)!
    if (headings.some(({ slug }) => slug === end.anchor)) continue
    const slugs = headings.map(({ slug }) => `#${slug}`).join(", ")
    const message = `the link ${href} names a heading that ${end.page} does not have; it has ${slugs}`
    issues.push({ file: page.file, line, message })
  }
  return { ends, issues }
}

/** The faults of all links and anchors. */
export const linkIssues = (root: string, pages = readPages(root)): ReadonlyArray<Issue> =>
  [...pages.values()].flatMap((page) => resolveLinks(root, page, pages).issues)
