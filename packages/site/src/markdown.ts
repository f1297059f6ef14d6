/** A page of Markdown: its tokens, headings with GitHub's anchors, links with their lines, and its text by section. */
import Slugger from "github-slugger"
import { Lexer, type Token, type Tokens, walkTokens } from "marked"

/** A heading, and the anchor that GitHub gives it. */
export interface Heading {
  readonly depth: number
  readonly text: string
  readonly slug: string
}

/** A link or an image as it is written, and the number of its line, from 1. */
export interface Link {
  readonly token: Tokens.Link | Tokens.Image
  readonly href: string
  readonly line: number
}

/** The text between two headings, for the search. */
export interface Passage {
  /** Undefined above the first heading. */
  readonly heading: Heading | undefined
  readonly text: string
}

/** A page before its links lead anywhere. */
export interface MarkdownPage {
  /** Its path from the root of the repository. */
  readonly file: string
  /** Its first heading, or its path. */
  readonly title: string
  readonly headings: ReadonlyArray<Heading>
  readonly slugs: ReadonlyMap<Token, string>
  readonly links: ReadonlyArray<Link>
  readonly passages: ReadonlyArray<Passage>
  readonly tokens: ReadonlyArray<Token>
  /** HTML that is no comment: such pages are refused. */
  readonly html: ReadonlyArray<{ readonly text: string; readonly line: number }>
}

const isComment = (text: string) => text.replace(/<!--[\s\S]*?-->/g, "").trim() === ""

/** The words of tokens, without marks, addresses and comments. */
export const wordsOf = (tokens: ReadonlyArray<Token>): string =>
  tokens
    .map((token): string => {
      if (token.type === "html") return ""
      if (token.type === "table")
        return [token.header, ...token.rows]
          .map((row: ReadonlyArray<Tokens.TableCell>) => row.map((cell) => wordsOf(cell.tokens)).join(" "))
          .join(" ")
      if (token.type === "list") return token.items.map((item: Tokens.ListItem) => wordsOf(item.tokens)).join(" ")
      if ("tokens" in token && token.tokens !== undefined) return wordsOf(token.tokens)
      return "text" in token ? token.text : " "
    })
    .join("")

const linesIn = (text: string) => text.split("\n").length - 1

/** Reads a page. `file` is its path from the root of the repository. */
export const readMarkdown = (file: string, text: string): MarkdownPage => {
  const tokens = Lexer.lex(text)
  const slugger = new Slugger()
  const headings: Array<Heading> = []
  const slugs = new Map<Token, string>()
  const links: Array<Link> = []
  const html: Array<{ text: string; line: number }> = []
  const passages: Array<{ heading: Heading | undefined; text: string }> = [{ heading: undefined, text: "" }]
  let line = 1
  for (const block of tokens) {
    // Parts of a block lie in their order, so each is looked for behind the one before it.
    let at = 0
    walkTokens([block], (token) => {
      if (token === block && token.type !== "html") return
      const here = block.raw.indexOf(token.raw, at)
      const place = line + linesIn(block.raw.slice(0, here < 0 ? at : here))
      if (token.type === "link" || token.type === "image") {
        links.push({ token: token as Tokens.Link, href: token["href"], line: place })
        // A picture may lie inside the link.
        if (here >= 0) at = here + 1
      } else if (token.type === "html" && !isComment(token.raw)) html.push({ text: token.raw.trim(), line: place })
    })
    if (block.type === "heading") {
      const words = wordsOf(block.tokens ?? []).trim()
      const heading = { depth: block["depth"] as number, text: words, slug: slugger.slug(words) }
      headings.push(heading)
      slugs.set(block, heading.slug)
      passages.push({ heading, text: "" })
    } else passages.at(-1)!.text += `${wordsOf([block])} `
    line += linesIn(block.raw)
  }
  const title = headings[0]?.text ?? file
  return { file, title, headings, slugs, links, passages, tokens, html }
}
