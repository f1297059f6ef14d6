/** The live page: one HTML file with its style and its code; its data come from the server that it came from. */
import { join } from "node:path"
import { browserScript } from "../report/browser-script.ts"
import { baseStyle } from "../report/style.ts"
import { liveStyle } from "./style.ts"

/** The page. The report that it opens inherits its rules for scripts and styles, as a report carries both in itself. */
export const livePage = async (): Promise<string> => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>winnow</title>
<style>${baseStyle}${liveStyle}</style>
</head>
<body>
<p id="connection" role="status" hidden></p>
<header>
<p class="slug" id="slug">winnow</p>
<h1 id="question">No run has begun yet: the command reads its settings and its data.</h1>
<ul class="facts" id="facts"></ul>
<div id="state"></div>
</header>
<noscript><p class="note">This page needs JavaScript, which it carries itself.</p></noscript>
<div id="page">
<div>
<section id="past-box" hidden><h2>Ended</h2><div id="past"></div></section>
<section id="errors-box" hidden><h2 class="error">Errors</h2><div id="errors"></div></section>
<section id="now-box"><h2>Runs now</h2><div id="now"></div></section>
<section id="drafts-box" hidden><h2>Loss of the drafts</h2><div id="drafts"></div></section>
<section id="others-box" hidden><h2>Loss of target, starts and references</h2><div id="others"></div></section>
</div>
<div>
<section><h2>Figures so far</h2><div id="figures"></div></section>
<details id="notes-box" hidden><summary>Notes</summary><div id="notes"></div></details>
<details id="stages-box" open><summary>Stages <small id="stages-summary"></small></summary><div id="stages"></div></details>
</div>
</div>
<script>${await browserScript(join(import.meta.dir, "browser/main.ts"))}</script>
</body>
</html>
`
