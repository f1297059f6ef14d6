/** report.html of a run that measures no acceptance, from its record and metrics.jsonl alone. */
import { type MeasuresRecord, measuresRun } from "../record/measures-schema.ts"
import { paddingLine } from "../table/caption.ts"
import { short } from "../table/format.ts"
import { differencesChart } from "./charts/differences.ts"
import { sweepChart } from "./charts/set-up.ts"
import { escapeHtml, page } from "./page.ts"
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

/**
 * The report as one HTML file.
 *
 * @param metrics the lines of metrics.jsonl
 */
export const renderMeasuresReport = async (
  record: MeasuresRecord,
  metrics: ReadonlyArray<Record<string, unknown>>,
): Promise<string> => {
  const { arms, tables, seeds, data } = record
  const run = measuresRun(record)
  const primary = run.concluded[0]!.name
  const { train, measured } = arms.dropped
  const left =
    train === 0 && measured === 0
      ? []
      : [`Left out, as longer than maxLength: ${train} examples to train on, ${measured} of ${data.dataset}.`]
  const search = await draw(
    "The search for settings.",
    "One seed that is not measured. Filled: chosen. A setting at which training stopped itself has no point.",
    sweepChart(arms),
  )
  const body = `
${headSection(record, [
  ...(arms.target === null ? [] : [`target ${short(arms.target.parameters)} parameters`]),
  `draft ${short(arms.draftParameters)}`,
  `seeds ${seeds.join(", ")}`,
  data.dataset,
])}
<p class="verdict">${escapeHtml(record.verdict)}</p>
<h2>What follows</h2>
${await draw(`Differences of ${primary}.`, differencesCaption, differencesChart(run))}
${conclusionList(record.conclusions, record.verdict)}
${tables.map((of) => `<h2>${escapeHtml(of.title)}</h2>\n${table(of)}\n${notes(of.notes)}`).join("\n")}
${await stabilitySection(arms, tables)}
${missingSection(record)}
${notes([...left, ...paddingLine(arms.rows)])}
${search === "" ? "" : `<h2>Settings</h2>\n${search}`}
${await trainingSection({ rows: arms.rows, seeds }, metrics as ReadonlyArray<ReportLine>, primary)}
${exportSection(record)}
${configurationSection(record)}`
  return page(`${record.name}: ${record.question}`, body)
}
