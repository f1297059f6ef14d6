/** The style of a token page, beside that of reports. */
export const tokenStyle = `
:root { --kept: #ffe8a3; --kept-point: #b45f06; --accepted: #cdebd6; --corrected: #ffd2bd; --bonus: #cfe3fa;
  --alone: #e3e7ec; --hot: #e8590c; --bad: #b42318; }
@media (prefers-color-scheme: dark) {
  :root { --kept: #63500f; --kept-point: #f0b429; --accepted: #1d4a33; --corrected: #6d2c14; --bonus: #1d3f66; --alone: #38414b; --bad: #ff9b8a; }
}
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; vertical-align: baseline; } td { white-space: nowrap; } th { font-weight: 600; font-size: 12px; }
thead th { color: var(--faint); border-bottom: 1.5px solid var(--ink); }
html { scroll-behavior: auto; }
body { max-width: 1720px; padding: 28px 24px 64px; }
code, kbd, .column [role=listbox], .prompt p { font-family: ui-monospace, SFMono-Regular, Menlo, "DejaVu Sans Mono", monospace; }
kbd { border: 1px solid var(--line); border-radius: 4px; padding: 0 4px; font-size: 11px; }
select, input { font: inherit; font-size: 13px; color: var(--ink); accent-color: var(--kept-point); }
select { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 3px 6px; max-width: 100%; }
.controls { position: sticky; top: 0; z-index: 3; display: flex; flex-wrap: wrap; align-items: center; gap: 6px 22px; background: var(--page);
  border-bottom: 1px solid var(--line); padding: 10px 0; margin: 16px 0 0; font-size: 13px; }
.controls label { display: inline-flex; align-items: center; gap: 6px; color: var(--faint); }
.controls label[hidden] { display: none; }
.controls output { color: var(--ink); min-width: 11em; }
.legend { margin: 0; font-size: 12px; color: var(--faint); display: flex; flex-wrap: wrap; gap: 4px 6px; align-items: center; }
.scale { display: inline-flex; align-items: center; gap: 0; }
.scale .sample { width: 14px; height: 14px; padding: 0; } .scale .sample:first-of-type { margin-left: 5px; } .scale .sample:last-of-type { margin-right: 5px; }
.sample { color: var(--ink); border-radius: 3px; padding: 1px 6px; }
.page { display: grid; grid-template-columns: minmax(0, 1fr); gap: 20px 32px; align-items: start; margin-top: 16px; }
main, aside { min-width: 0; }
main { order: 2; }
#arms { max-width: 100%; font-size: 12.5px; } #arms th, #arms td { padding-top: 5px; padding-bottom: 5px; border-bottom: 1px solid var(--line); } #arms caption { text-align: left; color: var(--faint); font-size: 12px; padding-bottom: 4px; }
#arms th:first-child { text-align: left; } #arms tbody th { color: var(--ink); font-size: 13px; border-bottom: 1px solid var(--line); font-weight: 500; }
#arms th, #arms td { padding-left: 14px; } #arms th:first-child { padding-left: 0; } #arms small { color: var(--faint); font-weight: 400; }
#arms label { cursor: pointer; }
.one-text { content-visibility: auto; contain-intrinsic-size: auto 160px; padding: 0 0 22px; }
.one-text h3 { margin: 0 0 4px; } .one-text h3 span { color: var(--faint); font-weight: 400; }
.prompt { margin: 0 0 6px; color: var(--faint); font-size: 12.5px; }
.prompt summary { cursor: pointer; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.prompt p { white-space: pre-wrap; margin: 6px 0; padding: 8px 12px; background: var(--panel); border-radius: 6px; font-size: 12px; overflow-wrap: anywhere; }
.columns { display: grid; grid-template-columns: repeat(var(--columns), minmax(0, 1fr)); gap: 10px 18px; align-items: start; }
.of-arm { margin: 0 0 2px; font-size: 11.5px; color: var(--faint); }
.column [role=listbox] { border: 1px solid var(--line); border-radius: 6px; padding: 8px 10px; font-size: 13px; line-height: 1.85; white-space: pre-wrap;
  overflow-wrap: anywhere; }
[data-n] { unicode-bidi: isolate; border-radius: 3px; padding: 1px 0; cursor: pointer; }
[data-n]:hover { outline: 1.5px solid var(--faint); }
[data-n][data-peer] { outline: 1.5px dashed var(--faint); outline-offset: 1px; }
[data-n][aria-selected=true] { outline: 2px solid var(--ink); outline-offset: 1px; position: relative; }
:focus-visible { outline: 2.5px solid var(--kept-point); outline-offset: 1px; }
[data-n]:focus-visible { outline: 2.5px solid var(--kept-point); }
.t-kept { background: var(--kept); color: var(--ink); box-shadow: inset 0 -1.5px 0 var(--kept-point); } .t-dropped { color: var(--faint); }
.t-unknown { color: var(--faint); }
.t-accepted { background: var(--accepted); } .t-bonus { background: var(--bonus); box-shadow: inset 0 -2px 0 #5b9bd5; }
.t-corrected { background: var(--corrected); box-shadow: inset 0 -2px 0 var(--bad); } .t-alone { background: var(--alone); }
.t-corrected[data-r]::before { content: attr(data-r); text-decoration: line-through; color: var(--bad); font-size: .88em; padding-right: 2px; opacity: .9; }
.t-shade { background: color-mix(in srgb, var(--hot) calc(var(--q) * 8.5%), transparent); }
${Array.from({ length: 9 }, (_, q) => `.q${q} { --q: ${q}; }`).join(" ")}
.badge { font: 500 11.5px/1.4 Inter, "Helvetica Neue", Helvetica, Arial, sans-serif; border-radius: 4px; padding: 1px 6px; white-space: nowrap; }
.badge.t-dropped { border: 1px solid var(--line); }
.plane { margin: 0 0 12px; } .plane > summary { cursor: pointer; font-size: 13px; margin-bottom: 4px; } .plane .axes { color: var(--faint); font-size: 12px; display: flex; flex-wrap: wrap; gap: 4px 10px; align-items: center; }
.plane select { font-size: 12px; padding: 1px 4px; max-width: 12em; } .plane .note { margin: 2px 0 0; font-size: 11.5px; }
#plane { display: block; width: 100%; height: 230px; touch-action: manipulation; }
#panel { font-size: 12.5px; } #panel h2 { margin: 0; padding: 0; border: 0; font-size: 15px; display: flex; gap: 6px; align-items: center; flex-wrap: wrap; }
#panel p { margin: 4px 0; } #panel .where { color: var(--faint); }
.token { background: var(--panel); border: 1px solid var(--line); border-radius: 4px; padding: 1px 7px; font-size: 15px; }
#panel table { width: 100%; font-size: 12px; margin: 6px 0; } #panel th, #panel td { padding: 2px 6px; border-bottom: 0; }
#panel th[scope=row] { text-align: left; font-weight: 400; color: var(--ink); font-size: 12px; border: 0; white-space: normal; } #panel small { color: var(--faint); }
#panel th:first-child, #panel td:first-child { padding-left: 0; }
.top caption { text-align: left; color: var(--faint); font-size: 11.5px; } .top td:first-child { text-align: left; width: 8.5em; }
.top code { overflow: hidden; text-overflow: ellipsis; display: inline-block; max-width: 8.5em; vertical-align: bottom; }
.top { table-layout: fixed; } .top td:last-child { width: 4em; } .bar i { display: block; height: 9px; min-width: 1px; border-radius: 2px; background: var(--faint); opacity: .55; }
.gold .bar i { background: var(--kept-point); opacity: 1; } .gold code { font-weight: 700; }
#panel .here th, #panel .here td { background: var(--panel); }
.block code { background: var(--accepted); border-radius: 3px; padding: 0 3px; } .block s code { background: var(--corrected); } .block s { color: var(--bad); }
@media (min-width: 1180px) {
  .page { grid-template-columns: minmax(0, 1fr) 380px; }
  aside { order: 2; position: sticky; top: 64px; max-height: calc(100vh - 76px); overflow-y: auto; padding: 0 4px 8px; } main { order: 1; }
}
@media (max-width: 1179px) {
  body { padding-bottom: 40vh; }
  #panel { position: fixed; z-index: 4; left: 0; right: 0; bottom: 0; max-height: 36vh; overflow-y: auto; background: var(--page); border-top: 1.5px solid var(--ink);
    padding: 8px 24px 10px; }
  #panel .parts { display: grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); gap: 2px 24px; }
  #panel .parts > div { min-width: 0; } #panel .tops { display: contents; } #panel .top { align-self: start; }
  #panel .others-box { overflow-x: auto; }
}
@media (min-width: 760px) and (max-width: 1179px) {
  #panel .parts { grid-template-columns: 1fr .9fr .9fr 1.3fr; } .top td:first-child { width: 5em; } .top code { max-width: 5em; }
  #panel .others-box :is(th, td) { padding: 2px 4px; }
}
@media (max-width: 640px) {
  body { padding: 16px 14px 42vh; } h1 { font-size: 18px; }
  .columns { grid-template-columns: minmax(0, 1fr); }
  .controls { position: static; } .keys { display: none; }
  #panel { padding: 8px 14px; } #arms small { display: block; } #arms th, #arms td { padding-left: 8px; }
}
@media print { #panel, .controls { position: static; } .one-text { content-visibility: visible; } }
`
