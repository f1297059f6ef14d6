/** A token page: one HTML file that holds its data, its style and its code, and asks no network for anything. */
import { join } from "node:path"
import { browserScript } from "../report/browser-script.ts"
import { escapeHtml } from "../report/escape-html.ts"
import { list, notes } from "../report/html.ts"
import { baseStyle } from "../report/style.ts"
import type { TokensDocument } from "./document.ts"
import { tokenStyle } from "./style.ts"

/** Text that may stand in a script element: neither a tag nor a comment ends or begins in it. */
const inScript = (json: string): string => json.replaceAll("<", "\\u003c")

const controls = `
<div class="controls" role="group" aria-label="view">
<label>Texts <select id="set"></select></label>
<label>Colour by <select id="view"></select></label>
<label>Training <input type="range" id="moment" min="0" max="1" step="1"> <output id="moment-text" for="moment"></output></label>
<p id="legend" class="legend"></p>
</div>`

/** The page of a document. */
export const tokensPage = async (document: TokensDocument): Promise<string> => {
  const { experiment, run, question, facts, notes: said } = document
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<title>${escapeHtml(`Tokens of ${run}: ${question}`)}</title>
<style>${baseStyle}${tokenStyle}</style>
</head>
<body>
<header>
<p class="slug">${escapeHtml(`${experiment} / ${run} / tokens`)}</p>
<h1>${escapeHtml(question)}</h1>
${list(facts)}${notes(said)}
</header>
<noscript><p class="note">This page needs JavaScript, which it carries itself.</p></noscript>
${controls}
<div class="page">
<aside>
<details class="plane" id="plane-box"><summary>The plane of <b id="plane-arm"></b></summary>
<p class="axes"><label>up <select id="axis-y"></select></label> <label>across <select id="axis-x"></select></label></p>
<canvas id="plane" tabindex="0" role="img" aria-label="Plane of tokens"></canvas>
<p class="note">Filled: kept. Dashed: the border of the selection, one for each batch. A click leads to the token.</p></details>
<section id="panel" aria-label="token"></section>
</aside>
<main>
<table id="arms"><caption>Arms on these texts; those that are ticked stand side by side.</caption></table>
<p id="note" class="note"></p>
<p class="note keys">Keys on a token: <kbd>←</kbd> <kbd>→</kbd> <kbd>↑</kbd> <kbd>↓</kbd> next token, <kbd>Home</kbd> <kbd>End</kbd> of the text, <kbd>PgUp</kbd> <kbd>PgDn</kbd> next text, <kbd>a</kbd> next arm, <kbd>n</kbd> <kbd>p</kbd> next and previous marked token.</p>
<div id="texts"></div>
</main>
</div>
<script type="application/json" id="data">${inScript(JSON.stringify(document))}</script>
<script>${await browserScript(join(import.meta.dir, "browser/main.ts"))}</script>
</body>
</html>
`
}
