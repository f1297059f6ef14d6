/** The report of a distillation, and of a study with its drafts, from run.json and metrics.jsonl alone. */
import { armsRun } from "../record/comparisons.ts"
import type { RunRecord } from "../record/schema.ts"
import type { StudyRecord } from "../study/record.ts"
import type { StudyTable } from "../study/table.ts"
import { caption, score, sourceLine } from "../table/caption.ts"
import { costTable } from "../table/cost.ts"
import { acceptanceTable, distillationTables, timeTable } from "../table/distillation.ts"
import { short } from "../table/format.ts"
import { acceptancePlot, computePlot } from "./charts/acceptance.ts"
import { differencesPlot } from "./charts/differences.ts"
import { tauPlot } from "./charts/draft-lengths.ts"
import { keptTokensPlot, positionPlot } from "./charts/places.ts"
import { searchPlots, trialsTables } from "./charts/search.ts"
import { capacityPlot } from "./charts/set-up.ts"
import { html, type Part, plots, type Report, type Section, section } from "./document.ts"
import { escapeHtml } from "./escape-html.ts"
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
import { asDrawn } from "./two-seeds.ts"

/** Columns of the first table: with the names six. */
export const firstColumns = 5

/** The parts of the decoding time, by T = (gamma T_draft + T_target) / tau; none if no draft was timed. */
const timeParts = (run: RunRecord): ReadonlyArray<Part> => {
  const table = timeTable(run)
  if (table.rows.length === 0) return []
  const { gamma, timedPrompts } = run.conditions
  const words = `Greedy, gamma = ${gamma}, up to ${timedPrompts} prompts, batch 1, this machine: the middle seed, and the range of the seeds. A call of the draft on a token, of the target on a token and on a block of ${gamma + 1}, the first of each
prompt left out. Predicted: T_target / T with T = (gamma T_draft + T_target) / tau; by T verify: with the block's own time. Measured: of whole texts, prompts and shorter last blocks included.`
  return [html(`<p class="note">${words}</p>`), { kind: "table", table }]
}

/** The table of six columns, and the source of its figures in a line. */
const resultParts = (run: RunRecord): ReadonlyArray<Part> => [
  { kind: "table", table: acceptanceTable(run), first: firstColumns, links: exportLinks(run) },
  html(notes([sourceLine(run)])),
]

/** Everything on the drafts that is folded. */
const draftSections = (run: RunRecord, metrics: ReadonlyArray<ReportLine>): ReadonlyArray<Section> => {
  const points = asDrawn(run)
  const tables = run.tables ?? []
  const ofMeasures = tables.filter(({ name }) => !name.startsWith("stability-"))
  return [
    ...section("conclusions", "Every comparison, in words", conclusionList(run.conclusions, run.verdict)),
    ...section("sources", "How these figures are made", [html(notes(caption(run)))]),
    ...section("cost", "What it cost", [{ kind: "table", table: costTable(run) }]),
    ...section(
      "measures",
      "Further measures",
      ofMeasures.flatMap((table) => tableParts(table)),
    ),
    ...section("seeds", "Acceptance by seed", plots([acceptancePlot(points)])),
    ...section("compute", "Acceptance against compute", plots([computePlot(points)])),
    ...section("places", "Where it accepted", [
      ...plots([positionPlot(points), keptTokensPlot(points)]),
      ...plots([tauPlot(run, "greedy"), tauPlot(run, "sampled")]),
    ]),
    ...section("time", "Where the time goes", timeParts(run)),
    ...section("search", "The search for settings, and capacity", [
      ...plots([...searchPlots(run), capacityPlot(run)]),
      ...trialsTables(run).flatMap((table) => tableParts(table)),
    ]),
    ...stabilitySection(run, tables),
    ...trainingSections(run, metrics, "acceptance"),
    ...section("target", "The target's text", [
      html(
        `<figure class="text"><figcaption>the first prompt of ${escapeHtml(run.conditions.dataset)}, and what the target wrote (marked)</figcaption><p>${escapeHtml(run.target.sample.prompt)}<mark>${escapeHtml(run.target.sample.text)}</mark></p></figure>`,
      ),
    ]),
    ...exportSection(run),
  ]
}

const factsOf = (run: RunRecord): ReadonlyArray<string> => [
  `target ${short(run.target.parameters)} parameters${score(run)}`,
  `draft ${short(run.draftParameters)}`,
  `seeds ${run.seeds.join(", ")}`,
  run.conditions.dataset,
  run.created.slice(0, 10),
]

/**
 * The report of a distillation.
 *
 * @param metrics the lines of metrics.jsonl
 */
export const distillationReport = (run: RunRecord, metrics: ReadonlyArray<ReportLine>): Report => {
  return {
    slug: slugOf(run),
    question: run.question,
    facts: factsOf(run),
    verdict: verdictLines(run, armsRun(run)),
    about: run.about,
    sections: [
      ...missingSection(run),
      ...section("result", "Result", resultParts(run), { folded: false }),
      ...section("differences", "Differences", plots([differencesPlot(armsRun(run))]), { folded: false }),
      ...draftSections(run, metrics),
      ...tokensSection(run),
      ...recordSection(run),
      ...configurationSection(run),
    ],
  }
}

/** Tables of a study that have a section each; a list of all would bury the others. */
const ownSections = 4

const studySections = (tables: ReadonlyArray<StudyTable>): ReadonlyArray<Section> => {
  const own = tables.length > ownSections + 1 ? ownSections : tables.length
  const further = tables.slice(own)
  return [
    ...tables.slice(0, own).flatMap((table) => section(`study-${table.name}`, table.title, tableParts(table))),
    ...section(
      "study-further",
      "Further tables",
      further.flatMap((table) => [html(`<h3>${escapeHtml(table.title)}</h3>`), ...tableParts(table)]),
    ),
  ]
}

/** The report of a study: its verdict and its first table, then its other tables and its drafts, folded. */
export const studyReport = (study: StudyRecord, metrics: ReadonlyArray<ReportLine>): Report => {
  const { drafts, verdict, conclusions, tables } = study
  const ofDrafts = new Set(distillationTables(drafts).map(({ name }) => name))
  const [first, ...others] = tables.filter(({ name }) => !ofDrafts.has(name))
  return {
    slug: slugOf(study),
    question: study.question,
    facts: factsOf(drafts),
    verdict: [verdict],
    about: drafts.about,
    sections: [
      ...missingSection(study),
      ...(first === undefined
        ? []
        : section("result", first.title, tableParts(first, { first: firstColumns }), { folded: false })),
      ...section("study-conclusions", "Conclusions", conclusionList(conclusions, verdict)),
      ...studySections(others),
      ...section("drafts", "The drafts", resultParts(drafts)),
      ...section("differences", "Differences of the drafts", plots([differencesPlot(armsRun(drafts))])),
      ...draftSections(drafts, metrics),
      ...tokensSection(study),
      ...recordSection(study),
      ...configurationSection(study),
    ],
  }
}
