/** Tokens of a page as HTML: headings with anchors, tables that a phone shows as blocks, no comments. */
import { escapeHtml } from "@winnow/lab"
import { Marked, type Token, type Tokens } from "marked"
import { highlighted } from "./highlight.ts"
import { type MarkdownPage, wordsOf } from "./markdown.ts"

/** Characters of code that stay on one line: they fit beside a phone's borders. */
const SHORT = 24

/** A cell: its head stands above it where a table is shown as blocks. Roles keep it a table for screen readers there. */
const cell = (
  tag: "th" | "td",
  { tokens, align }: Tokens.TableCell,
  head: string,
  inline: (t: Array<Token>) => string,
) => {
  const side = align === null ? "" : ` style="text-align:${align}"`
  const role = tag === "th" ? ' role="columnheader" scope="col"' : ` role="cell" data-head="${escapeHtml(head)}"`
  return `<${tag}${role}${side}>${inline(tokens)}</${tag}>`
}

/** The HTML of a page. `leads` has the address of each link and picture as this page leads to it. */
export const renderMarkdown = (page: MarkdownPage, leads: ReadonlyMap<Token, string>): string => {
  const marked = new Marked({
    renderer: {
      html: () => "",
      heading(token) {
        const slug = page.slugs.get(token)
        const inner = this.parser.parseInline(token.tokens)
        if (slug === undefined) return `<h${token.depth}>${inner}</h${token.depth}>\n`
        const words = escapeHtml(wordsOf(token.tokens))
        const anchor = `<a class="anchor" href="#${slug}" aria-label="Link to: ${words}">#</a>`
        return `<h${token.depth} id="${slug}">${inner} ${anchor}</h${token.depth}>\n`
      },
      code({ text, lang }) {
        const language = lang === undefined || lang === "" ? "" : ` data-language="${escapeHtml(lang)}"`
        return `<div class="code"><pre tabindex="0"${language}><code>${highlighted(text, lang?.split(" ")[0])}</code></pre></div>\n`
      },
      // A line may begin within code only where the code is long: no flag is cut at its hyphens.
      codespan({ text }) {
        return `<code${text.length <= SHORT ? ' class="short"' : ""}>${escapeHtml(text)}</code>`
      },
      table({ header, rows }) {
        const inline = (tokens: Array<Token>) => this.parser.parseInline(tokens)
        const heads = header.map(({ tokens }) => wordsOf(tokens))
        const head = header.map((one) => cell("th", one, "", inline)).join("")
        const body = rows.map(
          (row) => `<tr role="row">${row.map((one, i) => cell("td", one, heads[i] ?? "", inline)).join("")}</tr>`,
        )
        const label = escapeHtml(heads.filter((text) => text !== "").join(", "))
        return `<div class="table" role="region" tabindex="0" aria-label="Table: ${label}"><table role="table"><thead role="rowgroup"><tr role="row">${head}</tr></thead><tbody role="rowgroup">${body.join("\n")}</tbody></table></div>\n`
      },
      link(token) {
        const inner = this.parser.parseInline(token.tokens)
        return `<a href="${escapeHtml(leads.get(token) ?? token.href)}">${inner}</a>`
      },
      image(token) {
        return `<img src="${escapeHtml(leads.get(token) ?? token.href)}" alt="${escapeHtml(token.text)}" loading="lazy">`
      },
    },
  })
  return marked.parser([...page.tokens])
}
