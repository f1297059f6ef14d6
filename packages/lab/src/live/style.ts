/** The style of a live page, beside that of reports. */
export const liveStyle = `
:root { --fill: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --fill: #4ba6e0; } }
body { max-width: 1240px; padding: 28px 24px 64px; }
h2 { margin: 0 0 8px; }
#page { display: grid; grid-template-columns: minmax(0, 1fr); gap: 26px 36px; margin-top: 20px; align-items: start; }
#page > div { display: grid; gap: 26px; min-width: 0; grid-template-columns: minmax(0, 1fr); }
section, details { min-width: 0; } [hidden] { display: none !important; }
#state { margin-top: 16px; } #state .bar { height: 10px; }
.state { margin: 6px 0 0; font-weight: 600; font-variant-numeric: tabular-nums; } .state.failed, .state.incomplete { color: var(--warn); }
.bar { display: block; height: 6px; border-radius: 5px; background: var(--line); overflow: hidden; }
.bar i { display: block; height: 100%; background: var(--fill); border-radius: 5px; }
.at-work { list-style: none; margin: 0; padding: 0; display: grid; gap: 12px; }
.at-work b { font-weight: 600; font-size: 13.5px; } .at-work .bar { margin: 3px 0; }
small { color: var(--faint); font-size: 12px; font-variant-numeric: tabular-nums; }
svg { display: block; max-width: 100%; font-family: Inter, "Helvetica Neue", Helvetica, Arial, sans-serif; }
.legend { list-style: none; padding: 0; margin: 4px 0 0; display: flex; flex-wrap: wrap; gap: 2px 16px; font-size: 12.5px; font-variant-numeric: tabular-nums; }
.legend li { display: inline-flex; align-items: center; gap: 6px; } .legend b { font-weight: 600; }
table { border-collapse: collapse; width: 100%; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 5px 6px; border-bottom: 1px solid var(--line); vertical-align: baseline; } td { white-space: nowrap; }
thead th { color: var(--faint); font-size: 12px; font-weight: 600; border-bottom: 1.5px solid var(--ink); vertical-align: bottom; }
tr > :first-child { text-align: left; padding-left: 0; } tr > :last-child { padding-right: 0; } tbody th { font-weight: 500; overflow-wrap: anywhere; }
tr.context th, tr.context td { color: var(--faint); }
pre { font-size: 12px; line-height: 1.5; background: var(--panel); border-radius: 6px; padding: 10px 12px; margin: 6px 0; white-space: pre-wrap; overflow-wrap: anywhere; }
pre.error { border-left: 3px solid var(--warn); }
h2.error { color: var(--warn); }
summary { cursor: pointer; font-weight: 600; } summary small { font-weight: 400; }
.stages { padding-left: 2.6em; margin: 8px 0 0; font-size: 12.5px; columns: 2; column-gap: 28px; } .stages li { break-inside: avoid; padding: 1px 0; }
.stages .waiting, .stages .stored { color: var(--faint); } .stages .running { font-weight: 600; } .stages .failed { color: var(--warn); }
#notes ul, #past ul { padding-left: 18px; margin: 6px 0; font-size: 13px; } #past li { margin: 6px 0; } #past code { color: var(--faint); font-size: 11.5px; overflow-wrap: anywhere; }
#facts code { overflow-wrap: anywhere; }
#connection { position: sticky; top: 0; z-index: 2; margin: 0 0 12px; padding: 8px 12px; background: var(--panel); border-left: 3px solid var(--warn); border-radius: 4px; font-size: 13px; }
@media (min-width: 1000px) { #page { grid-template-columns: minmax(0, 5fr) minmax(0, 4fr); } .stages { columns: 1; } }
@media (max-width: 640px) { body { padding: 16px 16px 48px; } h1 { font-size: 18px; } .stages { columns: 1; } th, td { padding: 5px 4px; } }
`
