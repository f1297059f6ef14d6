/** Sections that reports of all runs share: the head, tables, the search for settings, training, the configuration. */
import type { ModelRun } from "../export/chosen-model.ts"
import { exportCommands } from "../export/commands.ts"
import type { RunRecord } from "../record/schema.ts"
import type { StudyTable } from "../study/table.ts"
import { missingLines } from "../table/caption.ts"
import { cellsOf } from "../table/cells.ts"
import { stabilityChart } from "./charts/stability.ts"
import { keptFractionChart, keptLossChart, lossChart, type MetricLine, type TrainedRun } from "./charts/training.ts"
import { type KeptLine, keptSection } from "./kept.ts"
import { escapeHtml, figure, htmlTable } from "./page.ts"
import { type Chart, svgOf } from "./svg.ts"

/** The lines of metrics.jsonl as reports read them. */
export type ReportLine = MetricLine & KeptLine

/** The fields of a record's header that reports show. */
export type Headed = Pick<
  RunRecord,
  | "experiment"
  | "part"
  | "preset"
  | "run"
  | "name"
  | "question"
  | "created"
  | "commit"
  | "versions"
  | "machine"
  | "config"
  | "missing"
>

export const draw = async (title: string, text: string, chart: Chart | undefined): Promise<string> =>
  chart === undefined ? "" : figure(title, text, await svgOf(chart))

export const list = (facts: ReadonlyArray<string>): string =>
  `<ul class="facts">${facts.map((f) => `<li>${escapeHtml(f)}</li>`).join("")}</ul>`

export const table = (of: StudyTable): string => {
  const { rows, left } = cellsOf(of)
  return htmlTable(rows, left, (i) => of.rows[i]!.context)
}

/** Notes in small print; empty without notes. */
export const notes = (lines: ReadonlyArray<string>): string =>
  lines.length === 0 ? "" : `<p class="note">${lines.map(escapeHtml).join("<br>")}</p>`

/** Conclusions as a list, without the verdict. */
export const conclusionList = (conclusions: ReadonlyArray<string>, verdict: string): string =>
  `<ul class="conclusions">${conclusions
    .filter((text) => text !== verdict)
    .map((text) => `<li>${escapeHtml(text)}</li>`)
    .join("")}</ul>`

/** The head of a report: experiment, question, and facts in one line. */
export const headSection = (
  { experiment, part, preset, run, question }: Headed,
  facts: ReadonlyArray<string>,
): string =>
  `<p class="slug">${escapeHtml([experiment, part, preset, run].filter((x) => x !== null).join(" / "))}</p>
<h1>${escapeHtml(question)}</h1>
${list(facts)}`

export const missingSection = (run: Headed): string =>
  run.missing.length === 0 ? "" : `<pre class="missing">${missingLines(run).map(escapeHtml).join("\n")}</pre>`

/** The chart of stability under its tables; empty for a run without them. */
export const stabilitySection = (
  run: Parameters<typeof stabilityChart>[0],
  tables: ReadonlyArray<StudyTable> | undefined,
): Promise<string> =>
  draw(
    "How far kept sets agree over the training.",
    "Intersection over union, of tokens that train nothing. Lines: means. Bars: lowest and highest. Dashed: random sets as large.",
    stabilityChart(run, tables),
  )

/**
 * Curves of training, and samples of kept tokens.
 *
 * @param by the figures that compare arms, in a sentence
 */
export const trainingSection = async (
  run: TrainedRun,
  lines: ReadonlyArray<ReportLine>,
  by: string,
): Promise<string> => `<h2>Training</h2>
${await draw("Loss by arm, each seed a line.", `A filter that keeps hard tokens has the higher curve: compare arms by ${by}, not by this.`, lossChart(run, lines))}
<div class="pair">
${await draw("Kept fraction.", "Of the valid tokens, each seed a line.", keptFractionChart(run, lines))}
${await draw("Loss of kept and dropped tokens.", "The loss that the filter reads.", keptLossChart(run, lines))}
</div>
${keptSection(run, lines)}`

/** Commit, machine and versions, then all settings. */
export const configurationSection = ({ created, commit, versions, machine, config }: Headed): string => {
  const commitText = commit ? [`commit ${commit.hash.slice(0, 10)}${commit.dirty ? ", with changes" : ""}`] : []
  return `<h2>Configuration</h2>
${list([...commitText, `run ${created.slice(0, 10)}`, `${machine.cores} x ${machine.cpu}, ${machine.memoryGiB} GiB`, machine.system, `${machine.device}, products in ${machine.products}`, ...Object.entries(versions).map(([k, v]) => `${k} ${v}`)])}
<pre>${escapeHtml(JSON.stringify(config, null, 2))}</pre>`
}

/** The caption of the chart of differences. */
export const differencesCaption =
  "Paired by seed and prompt. Thick: 95 % interval. Thin: widened so that all hold together (Bonferroni). Dark: 0 is outside of the 95 % interval. Right: the difference in points, and what the first cost of the second, references, caches and texts counted."

/** The commands that export each model of a run. */
export const exportSection = (run: ModelRun): string => `<h2>Take a model along</h2>
<p class="note">Weights, tokenizer and model card, as transformers and serving engines open them. DIR is a folder that is not there yet.</p>
<pre>${exportCommands(run).map(escapeHtml).join("\n")}</pre>`
