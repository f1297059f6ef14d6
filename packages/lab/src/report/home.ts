/** The home page of a folder of results: each experiment with its runs, their verdicts, and links to reports and records. */
import { quantile } from "@winnow/numerics"
import { isCompared, standingOf } from "../record/comparisons.ts"
import type { RunRecord } from "../record/schema.ts"
import { verdictOf } from "../record/sentences.ts"
import type { RunEntry } from "../runs/entry.ts"
import { shortCommit, stateText } from "../runs/list.ts"
import type { TablesRecord } from "../study/record.ts"
import { percent, signed } from "../table/format.ts"
import { faint, ink, label } from "./colours.ts"
import { escapeHtml } from "./escape-html.ts"
import { page } from "./page.ts"
import { armsIn } from "./several-report.ts"

/** A run of the page. */
export interface HomeRun {
  readonly entry: RunEntry
  /** Undefined without a record, and for one of another version. */
  readonly record: RunRecord | TablesRecord | undefined
  /** Its folder as the page leads to it. */
  readonly folder: string
}

export interface HomePage {
  readonly runs: ReadonlyArray<HomeRun>
  /** The README of an experiment as the page leads to it, by slug; left out for one that is not there. */
  readonly readmes: ReadonlyMap<string, string>
  /** Files of timings as the page leads to them. */
  readonly benchmarks: ReadonlyArray<string>
}

const style = `<style>
.search { width: 100%; font: inherit; font-size: 14px; padding: 8px 12px; margin: 16px 0 4px; border: 1px solid var(--line); border-radius: 6px; background: var(--panel); color: var(--ink); }
.experiment { margin-top: 22px; padding-top: 12px; border-top: 1px solid var(--line); }
.experiment > p { margin: 2px 0 8px; color: var(--faint); font-size: 14px; max-width: 54em; }
.run { display: grid; grid-template-columns: minmax(120px, 190px) 150px minmax(0, 1fr); gap: 2px 16px; padding: 8px 0; align-items: start; font-size: 13.5px; }
.run .name { font-weight: 600; overflow-wrap: anywhere; } .run .meta { color: var(--faint); font-size: 12px; font-weight: 400; display: block; }
.run svg { display: block; } .run .figure { font-size: 12px; font-variant-numeric: tabular-nums; color: var(--faint); }
[hidden] { display: none !important; }
@media (max-width: 680px) { .run { grid-template-columns: minmax(0, 1fr) 150px; } .run .says { grid-column: 1 / -1; } }
</style>`

const script = `<script>
{
  const input = document.querySelector(".search")
  const show = () => {
    const words = input.value.toLowerCase().split(/\\s+/).filter(Boolean)
    for (const experiment of document.querySelectorAll(".experiment")) {
      const head = experiment.dataset.head
      let any = false
      for (const run of experiment.querySelectorAll(".run")) {
        const text = (head + " " + run.textContent).toLowerCase()
        run.hidden = !words.every((word) => text.includes(word))
        any ||= !run.hidden
      }
      experiment.hidden = !any
    }
  }
  input.addEventListener("input", show)
  show()
}
</script>`

/** The difference of a run's verdict, if it is one of shares and something is concluded from it. */
const differenceOf = ({ record, entry }: HomeRun) => {
  const arms = record && entry.limit === null ? armsIn(record) : undefined
  const compared = arms && verdictOf(arms)
  if (compared === undefined || !isCompared(compared.difference) || compared.difference.of.unit !== "%")
    return undefined
  return { ...compared.difference, standing: standingOf(compared.difference, arms!.prompts) }
}

/** A small interval around 0, on one scale for all runs. @param most the half-width of the scale */
const interval = (run: HomeRun, most: number): string => {
  const difference = differenceOf(run)
  if (difference === undefined) return "<span></span>"
  // Beside the scale is room for an arrow, which no point covers.
  const [width, middle, half] = [150, 75, 63]
  const at = (x: number) => Math.round(10 * (middle + Math.max(-1, Math.min(1, x / most)) * half)) / 10
  const { value, low, high, standing } = difference
  const colour = standing === "open" || standing === "level" ? label : ink
  const text = `${signed(value!, percent)} [${signed(low!, percent)}, ${signed(high!, percent)}]`
  const arrow = (x: number, to: number) => `<path d="M${x} 4 L${x + to} 8 L${x} 12 Z" fill="${colour}"/>`
  const [beyondLow, beyondHigh] = [low! < -most, high! > most]
  const arrows = `${beyondLow ? arrow(6, -6) : ""}${beyondHigh ? arrow(width - 6, 6) : ""}`
  const [from, to] = [beyondLow ? 6 : at(low!), beyondHigh ? width - 6 : at(high!)]
  const point = Math.abs(value!) > most ? "" : `<circle cx="${at(value!)}" cy="8" r="3.5" fill="${colour}"/>`
  return `<span><svg width="${width}" height="16" viewBox="0 0 ${width} 16" role="img" aria-label="${text} points"><line x1="${middle}" x2="${middle}" y1="0" y2="16" stroke="${faint}" stroke-dasharray="2 2"/><line x1="${from}" x2="${to}" y1="8" y2="8" stroke="${colour}" stroke-width="3"/>${point}${arrows}</svg><span class="figure">${text}</span></span>`
}

const runItem = (run: HomeRun, most: number): string => {
  const { entry, record, folder } = run
  const name = entry.part === null ? entry.run : entry.part
  const report =
    record === undefined && entry.schema === null
      ? escapeHtml(name)
      : `<a href="${folder}/report.html">${escapeHtml(name)}</a>`
  const state = entry.state === "done" && entry.limit === null ? "" : `, ${stateText(entry)}`
  const seeds = `${entry.seeds.length} ${entry.seeds.length === 1 ? "seed" : "seeds"}, ${entry.arms.length} arms`
  const json = entry.schema === null ? "" : ` <a href="${folder}/run.json">run.json</a>`
  const says =
    record?.verdict.replace(/^Verdict: /, "") ??
    (entry.schema === null ? "" : "written by another version: see its report")
  const meta = `${entry.when.slice(0, 10)}, ${seeds}${state}<br>${entry.part === null ? "" : `${entry.run} `}${shortCommit(entry.commit)}${json}`
  return `<div class="run"><div class="name">${report}<span class="meta">${meta}</span></div>${interval(run, most)}<div class="says">${escapeHtml(says)}</div></div>`
}

/** The page as one HTML file. */
export const renderHome = ({ runs, readmes, benchmarks }: HomePage): string => {
  const ends = runs.flatMap((run) => {
    const difference = differenceOf(run)
    return difference === undefined ? [] : [Math.abs(difference.low!), Math.abs(difference.high!)]
  })
  // The scale of most runs: the few that reach further end in an arrow.
  const most = ends.length === 0 ? 1 : Math.min(1, Math.max(0.02, quantile(ends, 0.85)))
  const experiments = [...Map.groupBy(runs, ({ entry }) => entry.experiment)].toSorted(([a], [b]) => (a < b ? -1 : 1))
  const sections = experiments.map(([slug, of]) => {
    const readme = readmes.get(slug)
    const title = readme === undefined ? escapeHtml(slug) : `<a href="${readme}">${escapeHtml(slug)}</a>`
    const questions = [...new Set(of.flatMap(({ record }) => record?.question ?? []))]
    const head = escapeHtml([slug, ...questions].join(" "))
    const isSmoke = ({ entry }: HomeRun) => Number(entry.limit !== null)
    const sorted = of.toSorted(
      (a, b) => isSmoke(a) - isSmoke(b) || (a.entry.part ?? "").localeCompare(b.entry.part ?? ""),
    )
    return `<section class="experiment" id="${escapeHtml(slug)}" data-head="${head}"><h2>${title}</h2>${questions.map((text) => `<p>${escapeHtml(text)}</p>`).join("")}${sorted.map((run) => runItem(run, most)).join("")}</section>`
  })
  const smoke = runs.filter(({ entry }) => entry.limit !== null).length
  const timings =
    benchmarks.length === 0
      ? ""
      : `<details class="section"><summary><h2>Timings</h2></summary><div class="inside"><ul class="facts">${benchmarks.map((file) => `<li><a href="${file}">${escapeHtml(file.replace(/^.*\//, ""))}</a></li>`).join("")}</ul></div></details>`
  return page(
    "Winnow: results",
    `${style}<header><p class="slug">Winnow</p><h1>Results</h1>
<ul class="facts"><li>${experiments.length} experiments</li><li>${runs.length} runs${smoke === 0 ? "" : `, ${smoke} of them smoke runs`}</li><li>each run: the verdict's difference with its 95 % interval, in points, one scale for all</li></ul>
<input class="search" type="search" placeholder="search: an experiment, an arm, behind, ahead" aria-label="Search the runs"></header>
<main>${sections.join("\n")}
${timings}</main>${script}`,
  )
}
