/** report.html: the table, the charts and what was kept, from run.json and metrics.jsonl alone. */
import type { RunRecord } from "../record/schema.ts"
import { intervalText } from "../statistics.ts"
import { caption, leftColumns, short, tableCells } from "../table.ts"
import { acceptanceChart, keptFractionChart, keptLossChart, lossChart, type MetricLine, tauChart } from "./charts.ts"
import { type KeptLine, keptSection } from "./kept.ts"
import { escapeHtml, figure, htmlTable, page } from "./page.ts"
import { type Chart, svgOf } from "./svg.ts"

const draw = async (title: string, text: string, chart: Chart | undefined): Promise<string> =>
  chart === undefined ? "" : figure(title, text, await svgOf(chart))

const list = (facts: ReadonlyArray<string>) =>
  `<ul class="facts">${facts.map((f) => `<li>${escapeHtml(f)}</li>`).join("")}</ul>`

const points = (x: number | null) => (x === null ? "-" : `${x >= 0 ? "+" : ""}${(100 * x).toFixed(1)}`)

/** Arms against the baseline, and what each cost with its reference. */
const budgetTable = (run: RunRecord): string => {
  const head = [
    "arm",
    "against baseline, points",
    "steps",
    "tokens seen",
    "tokens trained",
    "FLOPs",
    "seconds",
    "reference: tokens seen",
    "FLOPs",
    "seconds",
  ]
  const rows = run.rows.map((row) => {
    const mean = (of: (b: (typeof row.budget)[number]["arm"]) => number, which: "arm" | "reference") => {
      const found = row.budget.flatMap((b) => (b[which] ? [of(b[which])] : []))
      return found.length === 0 ? null : found.reduce((a, b) => a + b, 0) / found.length
    }
    const show = (x: number | null, as: (x: number) => string) => (x === null ? "-" : as(x))
    const d = row.differenceFromBaseline
    const seconds = (x: number) => x.toFixed(1)
    return [
      row.role === "arm" ? row.name : `(${row.name})`,
      d === null ? "-" : `${points(d.value)}  [${points(d.low)}, ${points(d.high)}]`,
      show(
        mean((b) => b.steps, "arm"),
        String,
      ),
      show(
        mean((b) => b.tokensSeen, "arm"),
        short,
      ),
      show(
        mean((b) => b.tokensTrained, "arm"),
        short,
      ),
      show(
        mean((b) => b.flops, "arm"),
        short,
      ),
      show(
        mean((b) => b.seconds, "arm"),
        seconds,
      ),
      show(
        mean((b) => b.tokensSeen, "reference"),
        short,
      ),
      show(
        mean((b) => b.flops, "reference"),
        short,
      ),
      show(
        mean((b) => b.seconds, "reference"),
        seconds,
      ),
    ]
  })
  return htmlTable([head, ...rows], new Set([0]), (i) => run.rows[i]!.role !== "arm")
}

/**
 * The report of a run as one HTML file.
 *
 * @param metrics the lines of metrics.jsonl
 */
export const renderReport = async (
  run: RunRecord,
  metrics: ReadonlyArray<Record<string, unknown>>,
): Promise<string> => {
  const lines = metrics as ReadonlyArray<MetricLine & KeptLine>
  const { target, machine, commit } = run
  const score = target.score === null ? [] : [`target right on ${(100 * target.score).toFixed(0)} % of the prompts`]
  const made = commit ? [`commit ${commit.hash.slice(0, 10)}${commit.dirty ? ", with changes" : ""}`] : []
  const body = `
<p class="slug">${escapeHtml(run.experiment)} / ${run.run}</p>
<h1>${escapeHtml(run.question)}</h1>
${list([`target ${short(target.parameters)} parameters`, `draft ${short(run.draftParameters)}`, ...score, `seeds ${run.seeds.join(", ")}`, run.conditions.dataset])}
<h2>What the target accepted</h2>
${htmlTable(tableCells(run), leftColumns, (i) => run.rows[i]!.role !== "arm")}
<p class="note">${caption(run).map(escapeHtml).join("<br>")}</p>
${await draw("Greedy acceptance by arm.", `Points: seeds. Tick: pooled mean. Line: interval, ${intervalText(run.seeds.length)}.`, acceptanceChart(run))}
<div class="pair">
${await draw("Tokens per target call, greedy.", "Lines: means over seeds. Points: seeds.", tauChart(run, "greedy"))}
${await draw("Tokens per target call, sampled.", `Expected, temperature ${run.conditions.temperature}.`, tauChart(run, "sampled"))}
</div>
<h2>Budgets</h2>
<p class="note">Against ${escapeHtml(run.baseline)}: greedy acceptance, paired by seed and prompt; interval: ${intervalText(run.seeds.length)}. Means over seeds; a reference's cost stands apart and is paid once a seed, however many arms use it.</p>
${budgetTable(run)}
<h2>Training</h2>
${await draw("Loss by arm, each seed a line.", "A filter that keeps hard tokens has the higher curve: compare arms by acceptance, not by this.", lossChart(run, lines))}
<div class="pair">
${await draw("Kept fraction.", "Of the valid tokens, each seed a line.", keptFractionChart(run, lines))}
${await draw("Loss of kept and dropped tokens.", "The loss that the filter reads.", keptLossChart(run, lines))}
</div>
${keptSection(run, lines)}
<h2>The target, greedy</h2>
<figure class="text"><figcaption>the first prompt of ${escapeHtml(run.conditions.dataset)}, and what the target wrote (marked)</figcaption><p>${escapeHtml(target.sample.prompt)}<mark>${escapeHtml(target.sample.text)}</mark></p></figure>
<h2>Configuration</h2>
${list([...made, `run ${run.created.slice(0, 10)}`, `${machine.cores} x ${machine.cpu}, ${machine.memoryGiB} GiB`, machine.system, `${machine.device}, products in ${machine.products}`, ...Object.entries(run.versions).map(([k, v]) => `${k} ${v}`)])}
<pre>${escapeHtml(JSON.stringify(run.config, null, 2))}</pre>`
  return page(`${run.name}: ${run.question}`, body)
}
