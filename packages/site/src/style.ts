/** The style of the site: the colours and letters of reports, light and dark, from a phone's width to a wide screen. */
import { baseStyle } from "@winnow/lab"
import { codeColours } from "./highlight.ts"

export const style = `${baseStyle}${codeColours}
html { scroll-padding-top: 68px; }
body { max-width: none; padding: 0; display: grid; grid-template: "top top top" auto "menu text toc" 1fr / 270px minmax(0, 1fr) 0; min-height: 100vh; }
.skip { position: absolute; left: -9999px; } .skip:focus { left: 12px; top: 12px; z-index: 9; background: var(--page); padding: 6px 10px; }
.top { grid-area: top; position: sticky; top: 0; z-index: 5; display: flex; align-items: center; gap: 20px; padding: 10px 24px; background: var(--page); border-bottom: 1px solid var(--line); }
.home { font-weight: 650; color: var(--ink); text-decoration: none; font-size: 17px; }
.search { position: relative; flex: 1; max-width: 620px; display: flex; align-items: center; }
.search input { flex: 1; min-width: 0; font: inherit; font-size: 14px; padding: 6px 12px; border: 1px solid var(--line); border-radius: 6px; background: var(--panel); color: var(--ink); }
.search input:focus-visible { outline: 2px solid var(--link); outline-offset: 1px; }
.said { position: absolute; right: 34px; color: var(--faint); font-size: 12px; pointer-events: none; }
#searchResults { position: absolute; top: 100%; left: 0; right: 0; margin: 4px 0 0; padding: 4px; list-style: none; max-height: 70vh; overflow-y: auto; background: var(--page); border: 1px solid var(--line); border-radius: 6px; box-shadow: 0 8px 28px #0003; }
#searchResults a { display: block; padding: 6px 10px; border-radius: 4px; text-decoration: none; color: var(--faint); font-size: 12.5px; line-height: 1.4; }
#searchResults b { display: block; color: var(--ink); font-size: 13.5px; font-weight: 600; } #searchResults mark { padding: 0; }
#searchResults [aria-selected=true] a, #searchResults a:hover { background: var(--panel); outline: 1px solid var(--line); }
[hidden] { display: none !important; }
.menu { grid-area: menu; position: sticky; top: 53px; align-self: start; height: calc(100vh - 53px); overflow-y: auto; padding: 20px 12px 40px 24px; border-right: 1px solid var(--line); font-size: 13.5px; }
.menu > summary { display: none; } .menu ul { list-style: none; margin: 2px 0 10px; padding: 0; }
.menu details > summary { cursor: pointer; font-weight: 600; padding: 3px 0; }
.menu li a { display: block; padding: 3px 10px; border-left: 2px solid var(--line); color: var(--faint); text-decoration: none; }
.menu li a:hover { color: var(--ink); } .menu li a[aria-current] { color: var(--ink); border-color: var(--link); font-weight: 600; }
summary:focus-visible { outline: 2px solid var(--link); }
main { grid-area: text; padding: 28px 40px 80px; max-width: 880px; width: 100%; justify-self: center; outline: none; min-width: 0; }
main h1 { font-size: 27px; margin-bottom: 14px; } main h2 { font-size: 19px; margin: 38px 0 10px; padding-top: 12px; border-top: 1px solid var(--line); } main h3 { font-size: 16px; margin: 26px 0 6px; }
main p, main ul, main ol { margin: 10px 0; } main li { margin: 4px 0; }
.anchor { color: var(--faint); text-decoration: none; font-weight: 400; opacity: 0; padding: 0 4px; } :is(h1, h2, h3, h4):hover .anchor, .anchor:focus { opacity: 1; }
main :not(pre) > code { font-size: 0.88em; background: var(--panel); border-radius: 4px; padding: 1px 4px; } main .short { white-space: nowrap; }
.code { position: relative; margin: 12px 0; } pre { margin: 0; padding: 12px 14px; background: var(--panel); border: 1px solid var(--line); border-radius: 6px; font-size: 12.5px; line-height: 1.5; overflow-x: auto; }
pre:focus-visible, .table:focus-visible { outline: 2px solid var(--link); }
.code button { position: absolute; top: 6px; right: 6px; font: inherit; font-size: 11.5px; color: var(--link); background: var(--page); border: 1px solid var(--line); border-radius: 4px; padding: 1px 8px; cursor: pointer; opacity: 0; }
.code:hover button, .code:focus-within button { opacity: 1; }
.table { margin: 14px 0; overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: 13.5px; line-height: 1.45; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--faint); font-size: 12.5px; vertical-align: bottom; border-bottom: 1.5px solid var(--ink); padding: 6px 8px; }
td { vertical-align: top; border-bottom: 1px solid var(--line); padding: 6px 8px; min-width: 5em; }
tr > :first-child { padding-left: 0; min-width: 0; } tr > :last-child { padding-right: 0; }
img { max-width: 100%; height: auto; background: #fff; border-radius: 6px; border: 1px solid var(--line); }
blockquote { margin: 12px 0; padding: 2px 16px; border-left: 3px solid var(--line); color: var(--faint); }
footer { margin-top: 48px; padding-top: 10px; border-top: 1px solid var(--line); }
.toc { grid-area: toc; display: none; }
@media (min-width: 1380px) {
  body { grid-template-columns: 290px minmax(0, 1fr) 240px; }
  .toc { display: block; position: sticky; top: 53px; align-self: start; max-height: calc(100vh - 53px); overflow-y: auto; padding: 30px 24px 40px 8px; font-size: 12.5px; }
  .toc p { margin: 0 0 6px; font-weight: 600; } .toc ul { list-style: none; margin: 0; padding: 0; } .toc li { margin: 3px 0; } .toc .d3 { padding-left: 12px; } .toc a { color: var(--faint); text-decoration: none; } .toc a:hover { color: var(--ink); }
}
@media (max-width: 999px) {
  body { display: block; }
  .menu { position: static; height: auto; border: 0; border-bottom: 1px solid var(--line); padding: 8px 24px; } .menu > summary { display: list-item; cursor: pointer; color: var(--link); font-size: 14px; padding: 4px 0; }
  main { padding: 20px 24px 60px; margin: 0 auto; }
}
@media (max-width: 640px) {
  .top { padding: 8px 16px; gap: 12px; } .menu { padding: 6px 16px; } main { padding: 14px 16px 48px; } main h1 { font-size: 23px; } #searchResults { position: fixed; left: 8px; right: 8px; top: 50px; }
  .menu a, .menu summary { padding-top: 6px; padding-bottom: 6px; }
  table, :is(thead, tbody, tr, td) { display: block; } thead { position: absolute; left: -9999px; }
  tr { padding: 8px 0; border-bottom: 1px solid var(--line); } td { border: 0; padding: 2px 0; overflow-wrap: anywhere; text-align: left !important; }
  td:first-child { font-weight: 600; } td + td::before { content: attr(data-head); display: block; color: var(--faint); font-size: 11.5px; } td:empty { display: none; }
}
@media print { .top, .menu, .toc, .code button, .skip, .anchor { display: none !important; } body { display: block; } pre { white-space: pre-wrap; } }
`
