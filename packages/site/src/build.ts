/** The whole site in memory: every page of the repository as HTML, and the faults of its links. */
import { readdirSync, readFileSync, statSync } from "node:fs"
import { join, posix } from "node:path"
import { browserScript, escapeHtml } from "@winnow/lab"
import type { Token } from "marked"
import { contentsOf, contentsPage, type Group } from "./contents.ts"
import { framed } from "./layout.ts"
import { type MarkdownPage, readMarkdown } from "./markdown.ts"
import { type End, endOf, leadFrom, pagesIn, placeOf } from "./places.ts"
import { renderMarkdown } from "./render.ts"
import { ledIntoSite, type Results, resultsPlace } from "./results.ts"
import { searchScript } from "./search-index.ts"
import { style } from "./style.ts"

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
interface Resolved {
  readonly token: Token
  readonly end: End
}

/** The ends of a page's links, and its faults. */
const resolve = (root: string, page: MarkdownPage, pages: ReadonlyMap<string, MarkdownPage>) => {
  const names = new Set(pages.keys())
  const issues: Array<Issue> = page.html.map(({ text, line }) => ({
    file: page.file,
    line,
    message: `${JSON.stringify(text)} is HTML, which the site leaves out; write it in Markdown, or a name in code marks`,
  }))
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
  [...pages.values()].flatMap((page) => resolve(root, page, pages).issues)

/** A folder as a page: the pages in it with their titles, and the names of its other files. */
const folderPage = (
  root: string,
  folder: string,
  pages: ReadonlyMap<string, MarkdownPage>,
  groups: ReadonlyArray<Group>,
) => {
  const place = `${folder}/index.html`
  const items = readdirSync(join(root, folder))
    .filter((name) => name !== "node_modules" && !name.startsWith("."))
    .toSorted()
    .map((name) => {
      const page = pages.get(posix.join(folder, name)) ?? pages.get(posix.join(folder, name, "README.md"))
      if (page === undefined) return `<li><code>${escapeHtml(name)}</code></li>`
      const words = page.title === name ? "" : ` <code>${escapeHtml(name)}</code>`
      return `<li><a href="${leadFrom(place, placeOf(page.file))}">${escapeHtml(page.title)}</a>${words}</li>`
    })
  const body = `<h1>${escapeHtml(folder)}</h1>\n<ul>${items.join("\n")}</ul>`
  return framed({ title: folder, place, body }, groups)
}

/** A source file as a page. */
const sourcePage = (root: string, file: string, groups: ReadonlyArray<Group>) => {
  const text = readFileSync(join(root, file), "utf8")
  const lines = text.replace(/\n$/, "").split("\n")
  const code = lines.map((line, i) => `<span id="L${i + 1}">${escapeHtml(line)}</span>`).join("\n")
  const body = `<h1>${escapeHtml(posix.basename(file))}</h1>\n<div class="code"><pre tabindex="0"><code>${code}</code></pre></div>`
  return framed({ title: file, place: `${file}.html`, file, body }, groups)
}

/** The site: its files by their place, and the faults of its links. */
export interface Site {
  readonly files: ReadonlyMap<string, string | Uint8Array>
  readonly issues: ReadonlyArray<Issue>
}

/** Builds the site of a repository. @param results its runs (`resultsOf`) */
export const buildSite = async (root: string, results: Results): Promise<Site> => {
  const pages = readPages(root)
  const groups = contentsOf(root, pages.get(contentsPage)!, pages)
  const files = new Map<string, string | Uint8Array>()
  const issues: Array<Issue> = []
  const folders = new Set(["docs/decisions", "experiments", "plugins", "packages", "results"])
  const sources = new Set<string>()

  /** Where an end of a link lies in the site, which gets it. */
  const placeIn = (page: string, end: End): string | undefined => {
    if (end.kind === "page") {
      if (end.page === page) return `#${end.anchor}`
      return leadFrom(placeOf(page), placeOf(end.page)) + (end.anchor === "" ? "" : `#${end.anchor}`)
    }
    if (end.kind === "picture") {
      files.set(end.file, readFileSync(join(root, end.file)))
      return leadFrom(placeOf(page), end.file)
    }
    if (end.kind === "source") {
      if (results.files.has(end.file)) return leadFrom(placeOf(page), end.file)
      sources.add(end.file)
      return leadFrom(placeOf(page), `${end.file}.html`) + (end.anchor === "" ? "" : `#${end.anchor}`)
    }
    if (end.kind !== "folder") return undefined
    const slug = /^results(?:\/([^/]+))?$/.exec(end.folder)
    if (slug !== null && (slug[1] === undefined || results.slugs.has(slug[1])))
      return leadFrom(placeOf(page), resultsPlace) + (slug[1] === undefined ? "" : `#${slug[1]}`)
    folders.add(end.folder)
    return leadFrom(placeOf(page), `${end.folder}/index.html`)
  }

  for (const page of pages.values()) {
    const resolved = resolve(root, page, pages)
    issues.push(...resolved.issues)
    const leads = new Map<Token, string>()
    for (const { token, end } of resolved.ends) {
      const lead = placeIn(page.file, end)
      if (lead !== undefined) leads.set(token, lead)
    }
    const { file, title, headings } = page
    const body = renderMarkdown(page, leads)
    files.set(placeOf(file), framed({ title, place: placeOf(file), file, headings, body }, groups))
  }
  for (const source of sources) files.set(`${source}.html`, sourcePage(root, source, groups))
  for (const [file, html] of results.files) {
    const placeFor = (path: string) => {
      if (pages.has(path)) return leadFrom(file, placeOf(path))
      return results.files.has(path) ? leadFrom(file, path) : undefined
    }
    files.set(file, ledIntoSite(html, file, placeFor))
  }
  for (const folder of folders)
    if (!files.has(`${folder}/index.html`) && statSync(join(root, folder), { throwIfNoEntry: false })?.isDirectory())
      files.set(`${folder}/index.html`, folderPage(root, folder, pages, groups))
  files.set("assets/site.css", style)
  files.set("assets/site.js", await browserScript(join(import.meta.dir, "browser/main.ts")))
  files.set("assets/search-index.js", searchScript([...pages.values()]))
  return { files, issues }
}
