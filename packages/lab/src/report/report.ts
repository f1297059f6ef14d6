/** report.html: tables, charts and samples of kept tokens, from run.json and metrics.jsonl alone. */
import { armsRun } from "../record/comparisons.ts"
import type { RunRecord } from "../record/schema.ts"
import type { StudyRecord } from "../study/record.ts"
import { caption, score } from "../table/caption.ts"
import { cellsOf } from "../table/cells.ts"
import { costTable } from "../table/cost.ts"
import { acceptanceTable, distillationTables, timeTable } from "../table/distillation.ts"
import { short } from "../table/format.ts"
import { acceptanceChart, computeChart } from "./charts/acceptance.ts"
import { differencesChart } from "./charts/differences.ts"
import { tauChart } from "./charts/draft-lengths.ts"
import { keptTokensChart, positionChart } from "./charts/places.ts"
import { capacityChart, sweepChart } from "./charts/set-up.ts"
import { escapeHtml, htmlTable, page } from "./page.ts"
import {
  conclusionList,
  configurationSection,
  differencesCaption,
  draw,
  exportSection,
  headSection,
  missingSection,
  notes,
  type ReportLine,
  stabilitySection,
  table,
  trainingSection,
} from "./sections.ts"
import { asDrawn } from "./two-seeds.ts"

/** The verdict, conclusions and tables of a study, before those of its drafts. */
const ofStudy = ({ verdict, conclusions, tables, drafts }: StudyRecord): string => {
  const ofDrafts = new Set(distillationTables(drafts).map(({ name }) => name))
  const own = tables.filter(({ name }) => !ofDrafts.has(name))
  const items = conclusions.map((text) => `<li>${escapeHtml(text)}</li>`).join("")
  const each = own.map((of) => `<h2>${escapeHtml(of.title)}</h2>\n${table(of)}\n${notes(of.notes)}`)
  return `<p class="verdict">${escapeHtml(verdict)}</p>\n<ul class="conclusions">${items}</ul>\n${each.join("\n")}\n<h2>The drafts</h2>\n`
}

/** The section on decoding time, by T = (gamma T_draft + T_target) / tau; empty if no draft was timed. */
const time = (run: RunRecord): string => {
  const { rows, left } = cellsOf(timeTable(run))
  if (rows.length === 1) return ""
  const { gamma, timedPrompts } = run.conditions
  return `<h2>Where the time goes</h2>
<p class="note">Greedy, gamma = ${gamma}, up to ${timedPrompts} prompts, batch 1, this machine: the middle seed, and the range of the seeds. A call of the draft on a token, of the target on a token and on a block of ${gamma + 1}, the first of each
prompt left out. Predicted: T_target / T with T = (gamma T_draft + T_target) / tau; by T verify: with the block's own time. Measured: of whole texts, prompts and shorter last blocks included.</p>
${htmlTable(rows, left)}`
}

/** The sections on the search for settings and on the draft's capacity; empty without both. */
const setUp = async (run: RunRecord): Promise<string> => {
  const charts = [
    await draw(
      "Learning rates.",
      "One seed that is not measured. Filled: chosen. A rate at which training stopped itself has no point.",
      sweepChart(run),
    ),
    await draw(
      "How low a draft of this size comes.",
      "One long run on all tokens, measured at half its steps and at the end. Lines: 95 % intervals.",
      capacityChart(run),
    ),
  ].filter((chart) => chart !== "")
  return charts.length === 0 ? "" : `<h2>Rates and capacity</h2>\n<div class="pair">${charts.join("\n")}</div>`
}

/**
 * The report of a run as one HTML file.
 *
 * @param metrics the lines of metrics.jsonl
 * @param study the record of its study, whose verdict and tables then come first
 */
export const renderReport = async (
  run: RunRecord,
  metrics: ReadonlyArray<Record<string, unknown>>,
  study?: StudyRecord,
): Promise<string> => {
  const { target } = run
  const points = asDrawn(run)
  const right = score(run)
  const body = `
${headSection(run, [`target ${short(target.parameters)} parameters${right}`, `draft ${short(run.draftParameters)}`, `seeds ${run.seeds.join(", ")}`, run.conditions.dataset])}
${study === undefined ? `<p class="verdict">${escapeHtml(run.verdict)}</p>` : ofStudy(study)}
<h2>What follows</h2>
${await draw(`Differences of ${run.primary} acceptance.`, differencesCaption, differencesChart(armsRun(run)))}
${conclusionList(run.conclusions, run.verdict)}
<h2>What the target accepted, and what it cost</h2>
${table(acceptanceTable(run))}
${table(costTable(run))}
${(run.tables ?? []).map((of) => `${table(of)}\n${notes(of.notes)}`).join("\n")}
${await stabilitySection(run, run.tables)}
${missingSection(run)}
${notes(caption(run))}
${await draw("Greedy acceptance by arm.", "Points: seeds. Tick: pooled over seeds. Line: 95 % interval (of two seeds none).", acceptanceChart(points))}
${await draw("Greedy acceptance against compute.", "Lines: 95 % intervals. Points of one cost stand side by side. Grey: no arms, for comparison.", computeChart(points))}
<h2>Where it accepted</h2>
<div class="pair">
${await draw("By place in a block.", `Greedy, gamma = ${run.conditions.gamma}. Lines: 95 % intervals.`, positionChart(points))}
${await draw("At tokens that the filter keeps, and drops.", "Of the target's greedy texts, divided by the filter while the draft is as it starts; both drafts at the same tokens.", keptTokensChart(points))}
</div>
<div class="pair">
${await draw("Tokens per target call, greedy.", "Lines: means over seeds. Points: seeds.", tauChart(run, "greedy"))}
${await draw("Tokens per target call, sampled.", `Expected, temperature ${run.conditions.temperature}.`, tauChart(run, "sampled"))}
</div>
${time(run)}
${await setUp(run)}
${await trainingSection(run, metrics as ReadonlyArray<ReportLine>, "acceptance")}
<h2>The target, greedy</h2>
<figure class="text"><figcaption>the first prompt of ${escapeHtml(run.conditions.dataset)}, and what the target wrote (marked)</figcaption><p>${escapeHtml(target.sample.prompt)}<mark>${escapeHtml(target.sample.text)}</mark></p></figure>
${exportSection(run)}
${configurationSection(run)}`
  return page(`${run.name}: ${run.question}`, body)
}
