/** The frame of every page: search, contents, the text, and the headings of the page. */
import { escapeHtml } from "@winnow/lab"
import type { Group } from "./contents.ts"
import type { Heading } from "./markdown.ts"
import { leadFrom } from "./places.ts"

/** A page inside of its frame. */
export interface Framed {
  readonly title: string
  /** Its place in the site. */
  readonly place: string
  /** Its path in the repository, for the foot; undefined for a page that only the site has. */
  readonly file?: string
  readonly headings?: ReadonlyArray<Heading>
  readonly body: string
}

const menu = (groups: ReadonlyArray<Group>, place: string): string =>
  groups
    .map(({ title, entries }, i) => {
      const items = entries.map((entry) => {
        const current = entry.place === place ? ' aria-current="page"' : ""
        return `<li><a href="${leadFrom(place, entry.place)}"${current}>${escapeHtml(entry.title)}</a></li>`
      })
      const open = i === 0 || entries.some((entry) => entry.place === place) ? " open" : ""
      return `<details${open}><summary>${escapeHtml(title)}</summary><ul>${items.join("")}</ul></details>`
    })
    .join("\n")

const onThisPage = (headings: ReadonlyArray<Heading>): string => {
  const shown = headings.filter(({ depth }) => depth === 2 || depth === 3)
  if (shown.length < 3) return ""
  const items = shown.map(
    ({ depth, text, slug }) => `<li class="d${depth}"><a href="#${slug}">${escapeHtml(text)}</a></li>`,
  )
  return `<nav class="toc" aria-label="On this page"><p>On this page</p><ul>${items.join("")}</ul></nav>`
}

/** The HTML of a page. */
export const framed = (page: Framed, groups: ReadonlyArray<Group>): string => {
  const { title, place, file, headings = [], body } = page
  const root = leadFrom(place, "index.html").replace(/index\.html$/, "")
  const foot = file === undefined ? "" : `<footer>${escapeHtml(file)}</footer>`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title === "Winnow" ? title : `${title} - Winnow`)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${root}assets/site.css">
<script defer src="${root}assets/site.js" data-root="${root}"></script>
</head>
<body>
<a class="skip" href="#pageText">Skip to the text</a>
<header class="top">
<a class="home" href="${root}index.html">Winnow</a>
<div class="search" role="search"><input id="searchWords" type="search" role="combobox" aria-label="Search these pages" aria-expanded="false" aria-controls="searchResults" aria-autocomplete="list" autocomplete="off" placeholder="Search (press /)"><span id="searchSaid" class="said" role="status"></span><ul id="searchResults" role="listbox" aria-label="Sections" hidden></ul></div>
</header>
<details class="menu"><summary>Pages</summary><nav aria-label="Pages">
${menu(groups, place)}
</nav></details>
${onThisPage(headings)}
<main id="pageText" tabindex="-1">
${body}
${foot}</main>
</body>
</html>
`
}
