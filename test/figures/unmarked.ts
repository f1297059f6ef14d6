/** Numbers that look like measured figures and have neither a marker nor a declaration. */
import type { Issue, Span } from "./check.ts"
import { type Declaration, lineAt, type Page } from "./page.ts"

/** Reasons why a figure needs no record of ours: each declaration names one of these. */
export const kinds: ReadonlyMap<string, string> = new Map([
  ["published", "it was published elsewhere; the reason names where"],
  ["setting", "it is a setting, a size, or a constant of the code"],
  ["derived", "it follows by arithmetic that the page shows"],
  ["example", "it is the output of an example"],
])

const number = String.raw`[+-]?(?:\d{1,3}(?: \d{3})+|\d+)(?:\.\d+)?`

const counted = "(?:half an?|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty|fifty|hundred)"

/** Forms that measured figures have in prose and tables. */
const forms: ReadonlyArray<RegExp> = [
  new RegExp(String.raw`${number}(?: to ${number})?\s*%`, "g"),
  new RegExp(String.raw`${number}\s*(?:±\s*[\d.]+|\[${number},\s${number}\])`, "g"),
  // Shapes such as [128, 50304] are no intervals: intervals have a sign or a decimal point.
  new RegExp(String.raw`\[(?=[^\]]*[.+-])${number},\s${number}\]`, "g"),
  new RegExp(String.raw`${number}(?:\s+times|x)\b`, "g"),
  new RegExp(
    String.raw`${number}(?:\s+(?:to|and)\s+${number})?\s+(?:ns|us|ms|s|seconds?|minutes?|hours?|[kMG]B|[MG]iB|points?|nats|GFLOPs?|tokens\/s)(?![\w/])`,
    "g",
  ),
  new RegExp(String.raw`${number}\s+(?:[GM]B|GFLOP)\/s`, "g"),
  /(?<!-)\d+\s+of\s+\d+/g,
  /\d+\s+(?:passed|failed|skipped)\b/g,
  // In words.
  new RegExp(String.raw`\b${counted}(?:fold|\s+(?:seconds?|minutes?|hours?|times|points?))\b`, "gi"),
  // Any number with a decimal point, except the value of a setting (k = 0.4).
  /(?<!= )\b\d+\.\d+(?![\w.])/g,
  // A table's cell of figures only, with a decimal point or three digits in one of them.
  new RegExp(
    String.raw`(?<=\|\s*\**)(?=[^|]*(?:\.|\d{3}|\d \d))${number}[TMGk]?(?:\s?(?:[/,;]|to|of)\s?${number}[TMGk]?)*(?=\**\s*\|)`,
    "g",
  ),
]

/** Valid on every page: the level of all intervals, and the default share of kept tokens. */
const everywhere: ReadonlySet<string> = new Set(["95 %", "40 %", "0.4"])

/** Digits of names, versions, papers and theorems are not figures. */
const isName = (text: string, { start, end }: Span) =>
  /[\w.]$|(?:theorem|versions?|transformers|PyTorch|TensorFlow|Python|Bun|CUDA|Llama)`?[\s-]$/i.test(
    text.slice(0, start),
  ) ||
  /^\w/.test(text.slice(end)) ||
  /^\d{4}\.\d{5}$/.test(text.slice(start, end))

const sectionEnd = (page: Page, { start, end }: Declaration): number | undefined => {
  const line = page.text.slice(page.text.lastIndexOf("\n", start) + 1, start)
  const level = /^(#+) /.exec(line)?.[1]?.length
  if (level === undefined) return undefined
  const next = page.text.slice(end).search(new RegExp(`^#{1,${level}} `, "m"))
  return next < 0 ? page.text.length : end + next
}

/**
 * The range of a declaration: its section if it is below a heading, the next block if it has a line of its own, else
 * the text before it in its block.
 */
const extent = (page: Page, declaration: Declaration): Span => {
  const { start, end } = declaration
  const section = sectionEnd(page, declaration)
  if (section !== undefined) return { start, end: section }
  const before = page.text.slice(page.text.lastIndexOf("\n", start) + 1, start)
  const after = page.text.slice(end, (page.text.indexOf("\n", end) + 1 || page.text.length + 1) - 1)
  if (before.trim() === "" && after.trim() === "") {
    const block = page.text.slice(end).match(/^\s*(?:\n\s*)*[\s\S]*?(?=\n\s*\n|$(?![\s\S]))/)![0]
    return { start: end, end: end + block.length }
  }
  const table = before.startsWith("|")
  const text = page.text.slice(0, start)
  return {
    start: Math.max(text.lastIndexOf("\n\n"), text.lastIndexOf("-->"), table ? text.lastIndexOf("|") : 0, 0),
    end: start,
  }
}

/** The figures of a page without a marker or declaration, and declarations that cannot be read or cover no figure. */
export const unmarkedOf = (page: Page, covered: ReadonlyArray<Span>): ReadonlyArray<Issue> => {
  const issues: Array<Issue> = []
  const used = new Set<Declaration>()
  const extents = page.declarations.map((declaration) => ({ declaration, span: extent(page, declaration) }))
  for (const { kind, reason, start } of page.declarations)
    if (!kinds.has(kind) || reason.trim() === "") {
      const message = `a declaration is <!--~ kind: where from -->; kinds are ${[...kinds.keys()].join(", ")}`
      issues.push({ file: page.file, line: lineAt(page, start), message })
    }

  const candidates = new Map<number, Span>()
  for (const form of forms)
    for (const match of page.visible.matchAll(form)) {
      const span = { start: match.index, end: match.index + match[0].length }
      if (isName(page.text, span)) continue
      const candidate = candidates.get(span.start)
      if (candidate === undefined || candidate.end < span.end) candidates.set(span.start, span)
    }
  const spans = [...candidates.values()].filter((a) => !spansOver(candidates, a)).sort((a, b) => a.start - b.start)

  for (const span of spans) {
    const figureText = page.visible.slice(span.start, span.end)
    const text = figureText.replace(/\s+/g, " ")
    const by = extents.filter(({ declaration, span: e }) =>
      declaration.texts.length > 0 ? declaration.texts.includes(text) : e.start <= span.start && span.end <= e.end,
    )
    for (const { declaration } of by) used.add(declaration)
    if (by.length > 0 || everywhere.has(text)) continue
    // Each number in it: both numbers of "12 to 15 %".
    const numbers = [...figureText.matchAll(/\d+(?:\.\d+)?/g)].map((match) => span.start + match.index)
    if (numbers.length > 0 && numbers.every((at) => covered.some((c) => c.start <= at && at < c.end))) continue
    issues.push({
      file: page.file,
      line: lineAt(page, span.start),
      message: `no record and no declaration for ${text}`,
    })
  }
  for (const declaration of page.declarations)
    if (!used.has(declaration)) {
      const message = "this declaration covers no figure; remove it"
      issues.push({ file: page.file, line: lineAt(page, declaration.start), message })
    }
  return issues
}

const spansOver = (candidates: ReadonlyMap<number, Span>, a: Span): boolean =>
  [...candidates.values()].some((b) => b !== a && b.start <= a.start && a.end <= b.end)
