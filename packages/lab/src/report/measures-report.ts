/** The report of a run that measures no acceptance, from its record and metrics.jsonl alone. */
import { type MeasuresRecord, measuresRun, measuresTableName } from "../record/measures-schema.ts"
import { paddingLine } from "../table/caption.ts"
import { short } from "../table/format.ts"
import { differencesPlot } from "./charts/differences.ts"
import { searchPlots, trialsTables } from "./charts/search.ts"
import { firstColumns } from "./distillation-report.ts"
import { html, plots, type Report, section } from "./document.ts"
import { notes } from "./html.ts"
import {
  conclusionList,
  configurationSection,
  exportLinks,
  exportSection,
  missingSection,
  type ReportLine,
  recordSection,
  slugOf,
  stabilitySection,
  tableParts,
  tokensSection,
  trainingSections,
  verdictLines,
} from "./parts.ts"

/** @param metrics the lines of metrics.jsonl */
export const measuresReport = (record: MeasuresRecord, metrics: ReadonlyArray<ReportLine>): Report => {
  const { arms, tables, seeds, data, verdict } = record
  const run = measuresRun(record)
  const { train, measured } = arms.dropped
  const left =
    train === 0 && measured === 0
      ? []
      : [`Left out, as longer than maxLength: ${train} examples to train on, ${measured} of ${data.dataset}.`]
  const small = [...left, ...paddingLine(arms.rows)]
  // A study of its own leads; else the measures.
  const [first, ...others] = tables.filter(({ name }) => !name.startsWith("stability-"))
  const links = first!.name === measuresTableName ? { links: exportLinks(record) } : {}
  return {
    slug: slugOf(record),
    question: record.question,
    facts: [
      ...(arms.target === null ? [] : [`target ${short(arms.target.parameters)} parameters`]),
      `draft ${short(arms.draftParameters)}`,
      `seeds ${seeds.join(", ")}`,
      data.dataset,
      record.created.slice(0, 10),
    ],
    verdict: verdictLines(record, run),
    about: arms.about,
    sections: [
      ...missingSection(record),
      ...section("result", first!.title, tableParts(first!, { first: firstColumns, ...links }), { folded: false }),
      ...section("differences", "Differences", plots([differencesPlot(run)]), { folded: false }),
      ...section("conclusions", "Every comparison, in words", conclusionList(record.conclusions, verdict)),
      ...others.flatMap((table) => section(`tables-${table.name}`, table.title, tableParts(table))),
      ...stabilitySection(arms, tables),
      ...section("sources", "How these figures are made", small.length === 0 ? [] : [html(notes(small))]),
      ...section("search", "The search for settings", [
        ...plots(searchPlots(arms)),
        ...trialsTables(arms).flatMap((table) => tableParts(table)),
      ]),
      ...trainingSections({ rows: arms.rows, seeds, about: arms.about }, metrics, run.concluded[0]!.name),
      ...exportSection(record),
      // Without acceptance and without recorded tokens the page has no texts.
      ...(tables.some(({ name }) => name.startsWith("stability-")) ? tokensSection(record) : []),
      ...recordSection(record),
      ...configurationSection(record),
    ],
  }
}
