/** The contents of the site: groups of pages in the order of docs/README.md, which readers of the repository see too. */
import type { Token, Tokens } from "marked"
import { type MarkdownPage, wordsOf } from "./markdown.ts"
import { endOf, placeOf } from "./places.ts"

/** A line of the contents: its words, and the place that it leads to. */
export interface Entry {
  readonly title: string
  readonly place: string
}

/** A heading of the contents with its lines. */
export interface Group {
  readonly title: string
  readonly entries: ReadonlyArray<Entry>
}

/** The page of the contents. */
export const contentsPage = "docs/README.md"

/**
 * The groups: headings of the second level, with the first link of each item. Pages of the docs that the contents leave
 * out are in a last group, so that none is lost.
 */
export const contentsOf = (
  root: string,
  page: MarkdownPage,
  pages: ReadonlyMap<string, MarkdownPage>,
): ReadonlyArray<Group> => {
  const groups: Array<{ title: string; entries: Array<Entry> }> = []
  const names = new Set(pages.keys())
  const enter = (item: { readonly tokens?: Array<Token> }) => {
    const link = firstLink(item.tokens ?? [])
    if (link === undefined) return
    const end = endOf(root, contentsPage, link.href, names)
    const place =
      end.kind === "page" ? placeOf(end.page) : end.kind === "folder" ? `${end.folder}/index.html` : undefined
    if (place !== undefined) groups.at(-1)?.entries.push({ title: wordsOf(link.tokens), place })
  }
  for (const block of page.tokens) {
    if (block.type === "heading" && block["depth"] === 2)
      groups.push({ title: wordsOf(block.tokens ?? []), entries: [] })
    if (block.type === "list") for (const item of block["items"]) enter(item)
  }
  const listed = new Set(groups.flatMap(({ entries }) => entries.map(({ place }) => place)))
  const rest = [...pages.values()].filter(
    ({ file }) => /^docs\/(?!decisions\/)/.test(file) && file !== contentsPage && !listed.has(placeOf(file)),
  )
  if (rest.length > 0)
    groups.push({ title: "More", entries: rest.map(({ file, title }) => ({ title, place: placeOf(file) })) })
  return groups
}

const firstLink = (tokens: ReadonlyArray<Token>): Tokens.Link | undefined => {
  for (const token of tokens) {
    // The union of tokens has an open member, which keeps `type` from telling a link.
    if (token.type === "link") return token as Tokens.Link
    const inside = firstLink(("tokens" in token ? token.tokens : undefined) ?? [])
    if (inside !== undefined) return inside
  }
  return undefined
}
