/** The report's page: one HTML file without further files. */

/** Text as HTML. */
export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]!)

const style = `
:root { color-scheme: light; --ink: #1f2933; --faint: #67737f; --line: #dfe4e9; --mark: #ffe8a3; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 980px; padding: 40px 32px 64px; background: #fff; color: var(--ink);
  font: 15px/1.55 Inter, "Helvetica Neue", Helvetica, Arial, sans-serif; }
h1 { font-size: 26px; line-height: 1.25; letter-spacing: -0.01em; margin: 4px 0 6px; max-width: 32em; }
h2 { font-size: 17px; margin: 44px 0 8px; padding-top: 12px; border-top: 1px solid var(--line); }
h3 { font-size: 14px; margin: 0 0 6px; }
.slug, .facts, .note, figcaption, footer { color: var(--faint); font-size: 13px; }
.verdict { font-weight: 600; margin: 10px 0 0; }
.slug { text-transform: none; letter-spacing: .02em; margin: 0; }
.facts { display: flex; flex-wrap: wrap; gap: 2px 22px; padding: 0; margin: 10px 0 0; list-style: none; }
.note { margin: 4px 0 12px; max-width: 62em; }
table { border-collapse: collapse; width: 100%; font-size: 12px; font-variant-numeric: tabular-nums; }
th { font-weight: 600; color: var(--faint); font-size: 11.5px; vertical-align: bottom; border-bottom: 1.5px solid var(--ink); line-height: 1.25; }
th, td { padding: 6px 6px; text-align: right; }
th.l, td.l { text-align: left; }
th:first-child, td:first-child { padding-left: 0; } th:last-child, td:last-child { padding-right: 0; }
td { border-bottom: 1px solid var(--line); white-space: pre; }
tr.context td { color: var(--faint); }
figure { margin: 0 0 14px; } figure svg { display: block; max-width: 100%; height: auto; }
table + table { margin-top: 22px; }
.conclusions { padding-left: 18px; margin: 6px 0 22px; max-width: 60em; font-size: 14px; } .conclusions li { margin: 5px 0; }
pre.missing { border-left: 3px solid #d55e00; }
.pair { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 20px 28px; align-items: start; }
figcaption { margin-bottom: 6px; } figcaption b { color: var(--ink); font-weight: 600; }
.kept { margin: 22px 0 30px; }
.rates { margin: 0 0 4px; line-height: 2; font-size: 12.5px; } .rates b { display: inline-block; width: 84px; color: var(--faint); font-weight: 500; }
.chip { white-space: nowrap; margin-right: 8px; color: var(--faint); }
.chip code { color: var(--ink); background: #f2f4f7; border-radius: 4px; padding: 1px 5px; }
.text p { margin: 0; padding: 10px 12px; border: 1px solid var(--line); border-radius: 6px; white-space: pre-wrap;
  font: 12.5px/1.7 ui-monospace, SFMono-Regular, Menlo, "DejaVu Sans Mono", monospace; color: var(--faint); }
mark { background: var(--mark); color: var(--ink); border-radius: 2px; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, "DejaVu Sans Mono", monospace; }
pre { font-size: 11.5px; line-height: 1.5; background: #f7f8fa; border-radius: 6px; padding: 14px 16px; overflow-x: auto; white-space: pre-wrap; }
@media print { body { padding: 0; } section, figure { break-inside: avoid; } }
`

/** The whole page around a body of HTML. */
export const page = (title: string, body: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body>
${body}
</body>
</html>
`

/** A chart below its caption. */
export const figure = (title: string, caption: string, content: string): string =>
  `<figure><figcaption><b>${escapeHtml(title)}</b> ${escapeHtml(caption)}</figcaption>${content}</figure>`

/** A table of text cells, the head first. */
export const htmlTable = (
  [head, ...rows]: ReadonlyArray<ReadonlyArray<string>>,
  left: ReadonlySet<number>,
  isContext: (row: number) => boolean = () => false,
): string => {
  const cells = (row: ReadonlyArray<string>, tag: "th" | "td") =>
    row.map((text, i) => `<${tag}${left.has(i) ? ' class="l"' : ""}>${escapeHtml(text)}</${tag}>`).join("")
  const body = rows.map((row, i) => `<tr${isContext(i) ? ' class="context"' : ""}>${cells(row, "td")}</tr>`)
  return `<table><thead><tr>${cells(head ?? [], "th")}</tr></thead><tbody>${body.join("")}</tbody></table>`
}
