/** The style of report pages: light and dark, from a phone's width to a wide screen, and on paper. */
import { onDark } from "./colours.ts"

/** The colours of charts on a dark page. Charts have the light ones as attributes, which any rule overrides. */
const chartsOnDark = Object.entries(onDark)
  .map(([light, dark]) => `svg [fill="${light}"] { fill: ${dark} } svg [stroke="${light}"] { stroke: ${dark} }`)
  .join("\n  ")

/**
 * Rows of a table as blocks below a width: the name on a line, below it the figures in a grid.
 *
 * @param heads true if each figure has its head above it, in the place of one head for all rows
 */
const stacked = (below: string, table: string, grid: string, heads = false): string => `@media (max-width: ${below}) {
  ${table}, ${table} :is(thead, tbody) { display: block; }
  ${table} :is(th, td) { display: block; border: 0; padding: 2px 0; min-width: 0; overflow-wrap: anywhere; }
  ${table} tr { display: grid; ${grid} padding: 5px 0; border-bottom: 1px solid var(--line); font-size: 11.5px; }
  ${table} thead tr { border-bottom: 1.5px solid var(--ink); } ${table} thead th { font-size: 11px; }
  ${table} tbody th { white-space: normal; font-size: 12.5px; }
  ${table} tr > :first-child { grid-column: 1 / -1; text-align: left; } ${table} thead tr > :first-child { display: none; }
  ${
    heads
      ? `${table} thead { display: none; } ${table} td { text-align: left; white-space: normal; }
  ${table} td::before { content: attr(data-head); display: block; color: var(--faint); font-size: 10.5px; font-weight: 400; }`
      : `${table} td.l { white-space: normal; }`
  }
}`

/** The colours, the letters and the head of every page. */
export const baseStyle = `
:root { color-scheme: light dark; --page: #ffffff; --ink: #1f2933; --faint: #5c6873; --line: #dfe4e9; --panel: #f5f7f9; --mark: #ffe8a3; --link: #0b5cad; --warn: #b54708; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14181d; --ink: #e4e8ec; --faint: #9aa5b1; --line: #2e363f; --panel: #1c2229; --mark: #5d4a0a; --link: #7ab8f5; --warn: #f0803c; }
  ${chartsOnDark}
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 12px; }
body { margin: 0 auto; max-width: 980px; padding: 36px 32px 64px; background: var(--page); color: var(--ink);
  font: 15px/1.55 Inter, "Helvetica Neue", Helvetica, Arial, sans-serif; overflow-wrap: break-word; }
a { color: var(--link); text-decoration-thickness: 1px; text-underline-offset: 2px; }
a:focus-visible, button:focus-visible, summary:focus-visible, input:focus-visible + label { outline: 2px solid var(--link); outline-offset: 2px; }
h1 { font-size: 22px; line-height: 1.3; letter-spacing: -0.01em; margin: 4px 0 0; max-width: 34em; font-weight: 600; }
h2 { font-size: 16px; margin: 0; font-weight: 600; }
h3 { font-size: 14px; margin: 18px 0 4px; font-weight: 600; }
.slug, .facts, .note, figcaption, footer, .links { color: var(--faint); font-size: 13px; }
.slug { margin: 0; }
.facts, .links { display: flex; flex-wrap: wrap; gap: 2px 20px; padding: 0; margin: 10px 0 0; list-style: none; }
.note { margin: 6px 0 12px; max-width: 62em; }
mark { background: var(--mark); color: var(--ink); border-radius: 2px; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, "DejaVu Sans Mono", monospace; }
`

export const style = `${baseStyle}
.verdict { margin: 18px 0 0; padding: 14px 18px; background: var(--panel); border-left: 4px solid var(--ink); border-radius: 4px; }
.verdict p { margin: 0; max-width: 54em; } .verdict p:first-child { font-size: 17px; font-weight: 600; line-height: 1.4; } .verdict p + p { margin-top: 8px; font-size: 14px; }
nav { margin: 14px 0 0; font-size: 13px; } nav ul { display: flex; flex-wrap: wrap; gap: 3px 14px; list-style: none; margin: 0; padding: 0; }
nav .tools { margin-top: 8px; }
button { font: inherit; font-size: 12px; color: var(--link); background: none; border: 1px solid var(--line); border-radius: 4px; padding: 1px 8px; cursor: pointer; }
section { margin-top: 26px; } section > h2 { margin-bottom: 8px; }
details.section { border-top: 1px solid var(--line); margin-top: 0; padding: 10px 0; }
section + details.section { margin-top: 30px; }
details.section > summary { cursor: pointer; list-style: none; display: flex; align-items: baseline; gap: 8px; padding: 2px 0; }
details.section > summary::-webkit-details-marker { display: none; }
details.section > summary::before { content: "+"; width: 12px; color: var(--faint); font-weight: 600; } details.section[open] > summary::before { content: "\\2212"; }
details.section > .inside { padding: 10px 0 18px; }
.table { margin: 0 0 18px; }
table { border-collapse: collapse; width: 100%; font-size: 12.5px; font-variant-numeric: tabular-nums; }
th { font-weight: 600; text-align: right; vertical-align: bottom; line-height: 1.25; padding: 6px 6px; }
thead th { color: var(--faint); font-size: 12px; border-bottom: 1.5px solid var(--ink); }
thead a { color: inherit; text-decoration-style: dotted; }
td, tbody th { vertical-align: baseline; }
td { text-align: right; padding: 6px 6px; border-bottom: 1px solid var(--line); white-space: pre; }
tbody th { font-weight: 500; border-bottom: 1px solid var(--line); white-space: nowrap; } tbody th a { color: inherit; text-decoration-style: dotted; }
th.l, td.l { text-align: left; } td.l { white-space: normal; }
:is(table.many, .more-columns:checked ~ table) td { white-space: normal; }
tr > :first-child { padding-left: 0; } tr > :last-child { padding-right: 0; }
tr.context td, tr.context th { color: var(--faint); } tr.about th, tr.about td { font-weight: 650; }
.more-columns { position: absolute; opacity: 0; width: 1px; height: 1px; }
.more-columns + label { display: inline-block; color: var(--link); font-size: 12px; cursor: pointer; border: 1px solid var(--line); border-radius: 4px; padding: 1px 8px; margin-bottom: 6px; }
.more-columns + label .fewer, .more-columns:checked + label .more { display: none; } .more-columns:checked + label .fewer { display: inline; }
.more-columns:not(:checked) ~ table .folded { display: none; }
.more-columns:checked ~ table { font-size: 11.5px; } .more-columns:checked ~ table :is(th, td) { padding-left: 4px; padding-right: 4px; }
figure { margin: 0 0 18px; min-width: 0; } figure svg { display: block; max-width: 100%; height: auto; }
figcaption { margin-bottom: 6px; } figcaption b { color: var(--ink); font-weight: 600; }
.narrow { display: none; }
.downloads { font-size: 12px; margin-top: 2px; display: flex; gap: 6px; }
.conclusions { padding-left: 18px; margin: 0 0 12px; max-width: 60em; font-size: 14px; } .conclusions li { margin: 5px 0; }
pre.missing { border-left: 3px solid var(--warn); }
.pair { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 20px 28px; align-items: start; }
.kept { margin: 0 0 26px; }
.rates { margin: 0 0 4px; line-height: 2; font-size: 12.5px; } .rates b { display: inline-block; width: 84px; color: var(--faint); font-weight: 500; }
.chip { white-space: nowrap; margin-right: 8px; color: var(--faint); display: inline-block; }
.chip code { color: var(--ink); background: var(--panel); border-radius: 4px; padding: 1px 5px; }
.text p { margin: 0; padding: 10px 12px; border: 1px solid var(--line); border-radius: 6px; white-space: pre-wrap;
  font: 12.5px/1.7 ui-monospace, SFMono-Regular, Menlo, "DejaVu Sans Mono", monospace; color: var(--faint); }
pre { font-size: 11.5px; line-height: 1.5; background: var(--panel); border-radius: 6px; padding: 12px 14px; margin: 6px 0 12px; white-space: pre-wrap; overflow-wrap: anywhere; }
.commands { list-style: none; padding: 0; margin: 6px 0; } .commands li { display: flex; gap: 10px; align-items: baseline; padding: 4px 0; border-bottom: 1px solid var(--line); }
.commands code { flex: 1; font-size: 12px; overflow-wrap: anywhere; min-width: 0; }
:target { scroll-margin-top: 12px; } .commands li:target, dt:target { background: var(--panel); }
dl.columns { margin: 0; font-size: 13.5px; max-width: 60em; } dl.columns dt { font-weight: 600; margin-top: 10px; } dl.columns dd { margin: 0; color: var(--faint); }
@media (min-width: 1420px) {
  nav { position: fixed; top: 36px; left: calc(50% - 490px - 186px); width: 178px; margin: 0; max-height: calc(100vh - 60px); overflow-y: auto; }
  nav ul { flex-direction: column; gap: 5px; }
}
@media (max-width: 1000px) { :is(table.many, .more-columns:checked ~ table) { font-size: 11.5px; } :is(table.many, .more-columns:checked ~ table) :is(th, td) { padding-left: 3px; padding-right: 3px; } }
@media (max-width: 940px) { .pair { grid-template-columns: minmax(0, 1fr); } }
@media (max-width: 680px) {
  body { padding: 20px 16px 48px; }
  h1 { font-size: 19px; } .verdict { padding: 12px 14px; } .verdict p:first-child { font-size: 15.5px; }
  .wide { display: none; } .narrow { display: block; }
}
${stacked("680px", "table", "grid-template-columns: repeat(var(--few), minmax(0, 1fr)); gap: 0 8px;")}
${stacked("880px", ":is(table.many, .more-columns:checked ~ table)", "grid-template-columns: repeat(auto-fill, minmax(98px, 1fr)); gap: 2px 8px;", true)}
@media print {
  :root { color-scheme: light; --page: #fff; --ink: #1f2933; --faint: #5c6873; --line: #dfe4e9; --panel: #f5f7f9; }
  body { padding: 0; } nav, .downloads, button, .more-columns + label { display: none !important; } section, figure, tr { break-inside: avoid; }
}
`
