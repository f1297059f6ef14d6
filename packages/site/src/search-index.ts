/** The search's index, made when the site is built: one entry for each section of each page. */
import MiniSearch from "minisearch"
import { type Section, searchOptions } from "./browser/search-options.ts"
import type { MarkdownPage } from "./markdown.ts"
import { placeOf } from "./places.ts"

/** Bytes of a section's text that a result shows. */
const SHOWN = 180

const sectionsOf = (page: MarkdownPage): ReadonlyArray<Section> =>
  page.passages
    .filter(({ heading, text }) => heading !== undefined || text.trim() !== "")
    .map(({ heading, text }, i) => ({
      id: `${page.file}#${i}`,
      page: page.title,
      heading: heading === undefined || heading === page.headings[0] ? "" : heading.text,
      text: text.replace(/\s+/g, " ").trim(),
      place: placeOf(page.file) + (heading === undefined || heading === page.headings[0] ? "" : `#${heading.slug}`),
    }))

/** A script that gives the index to the page, since a page on the disk may not read other files. */
export const searchScript = (pages: ReadonlyArray<MarkdownPage>): string => {
  const index = new MiniSearch<Section>(searchOptions)
  for (const page of pages)
    index.addAll(sectionsOf(page).map((section) => ({ ...section, shown: section.text.slice(0, SHOWN) })))
  return `globalThis.winnowIndex = ${JSON.stringify(JSON.stringify(index))}\n`
}
