/** Code with its parts marked for colours, when the site is built; pages need no script for it. */
import { createRequire } from "node:module"
import { escapeHtml } from "@winnow/lab"

/** The parts of highlight.js that are used. Its own types bring those of a browser into every file. */
interface Highlighter {
  readonly registerLanguage: (name: string, language: unknown) => void
  readonly getLanguage: (name: string) => unknown
  readonly highlight: (
    code: string,
    options: { readonly language: string; readonly ignoreIllegals: boolean },
  ) => { readonly value: string }
}
const load = createRequire(import.meta.url)
const hljs: Highlighter = load("highlight.js/lib/core")

// Each knows its file endings too: ts, sh, py, md, yml, h.
for (const name of ["bash", "cpp", "css", "json", "markdown", "python", "typescript", "yaml"])
  hljs.registerLanguage(name, load(`highlight.js/lib/languages/${name}`))

/**
 * Code as HTML.
 *
 * @param language a name, or the ending of a file; of another one, or none, the code has no marks
 */
export const highlighted = (code: string, language = ""): string =>
  hljs.getLanguage(language) === undefined
    ? escapeHtml(code)
    : hljs.highlight(code, { language, ignoreIllegals: true }).value

/** Lines of such HTML, each with whole elements: a mark that goes over a border of lines ends there and begins again. */
export const linesOf = (html: string): ReadonlyArray<string> => {
  const open: Array<string> = []
  return html.split("\n").map((line) => {
    const before = open.join("")
    for (const [tag] of line.matchAll(/<span[^>]*>|<\/span>/g))
      if (tag === "</span>") open.pop()
      else open.push(tag)
    return before + line + "</span>".repeat(open.length)
  })
}

/** The colours, which tell the parts apart in light and in dark. */
export const codeColours = `
pre { --word: #93278f; --text: #1b6b2f; --number: #0b5cad; --name: #855300; }
@media (prefers-color-scheme: dark) { pre { --word: #d79be0; --text: #8ccb8c; --number: #7ab8f5; --name: #e2bb78; } }
.hljs-comment, .hljs-quote { color: var(--faint); }
.hljs-keyword, .hljs-selector-tag, .hljs-meta .hljs-keyword { color: var(--word); }
.hljs-string, .hljs-regexp, .hljs-meta .hljs-string { color: var(--text); }
.hljs-number, .hljs-literal, .hljs-attr, .hljs-variable.constant_, .hljs-symbol { color: var(--number); }
.hljs-title, .hljs-section, .hljs-type, .hljs-selector-class { color: var(--name); }
.hljs-subst { color: var(--ink); } .hljs-strong, .hljs-section { font-weight: 600; } .hljs-emphasis { font-style: italic; }
`
