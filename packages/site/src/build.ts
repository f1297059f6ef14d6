/** The whole site in memory: every page of the repository as HTML, and the faults of its links. */
import { readdirSync, readFileSync, statSync } from "node:fs"
import { join, posix } from "node:path"
import { browserScript, escapeHtml } from "@winnow/lab"
import type { Token } from "marked"
import { contentsOf, contentsPage, type Group } from "./contents.ts"
import { highlighted, linesOf } from "./highlight.ts"
import { framed } from "./layout.ts"
import { type Issue, readPages, resolveLinks } from "./links.ts"
import type { MarkdownPage } from "./markdown.ts"
import { type End, leadFrom, placeOf } from "./places.ts"
import { renderMarkdown } from "./render.ts"
import { ledIntoSite, type Results, resultsPlace } from "./results.ts"
import { searchScript } from "./search-index.ts"
import { style } from "./style.ts"

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
  const lines = linesOf(highlighted(text.replace(/\n$/, ""), posix.extname(file).slice(1)))
  const code = lines.map((line, i) => `<span id="L${i + 1}">${line}</span>`).join("\n")
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
    const resolved = resolveLinks(root, page, pages)
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
