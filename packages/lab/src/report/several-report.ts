/** The report of several runs together: their verdicts, and each comparison that several of them have, side by side. */
import { type ArmsRun, armsOf, armsRun, comparedArms, mainArm } from "../record/comparisons.ts"
import { measuresRun } from "../record/measures-schema.ts"
import type { RunRecord } from "../record/schema.ts"
import { verdictOf } from "../record/sentences.ts"
import { leavesOf, writeLeaf } from "../runs/leaves.ts"
import { experimentAndPart } from "../runs/list.ts"
import { writtenDistillation } from "../runs/read-run.ts"
import type { TablesRecord } from "../study/record.ts"
import { column, type StudyTable, type TableColumn } from "../study/table.ts"
import { differenceRow, type ForestPanel, forestChart, forestData, isDrawn } from "./charts/differences.ts"
import { html, type Part, plots, type Report, section } from "./document.ts"
import { escapeHtml } from "./escape-html.ts"
import { notes } from "./html.ts"
import { overRunsTable, type PooledRun } from "./over-runs.ts"
import type { Plot } from "./plot.ts"

/** A run of the report. */
export interface ReportedRun {
  readonly record: RunRecord | TablesRecord
  /** Its folder as the page leads to it. */
  readonly folder: string
}

/** The arms of a run as comparisons read them. */
export const armsIn = (record: RunRecord | TablesRecord): ArmsRun => {
  if (!("study" in record)) return armsRun(record)
  return "drafts" in record ? armsRun(record.drafts) : measuresRun(record)
}

/** The table of a run whose first figures are of its arms. */
const tableIn = (record: RunRecord | TablesRecord): StudyTable => {
  if (!("study" in record)) return writtenDistillation(record).tables[0]!
  return "drafts" in record ? writtenDistillation(record.drafts).tables[0]! : record.tables[0]!
}

interface Labelled extends ReportedRun {
  readonly label: string
  readonly arms: ArmsRun
}

/** Short names of runs: the part where all are of one experiment, the beginning of the id where that is no name. */
const labelled = (runs: ReadonlyArray<ReportedRun>): ReadonlyArray<Labelled> => {
  const one = new Set(runs.map(({ record }) => record.experiment)).size === 1
  const name = ({ record }: ReportedRun) =>
    one
      ? (record.part ?? record.run.slice(0, 4))
      : experimentAndPart({ experiment: record.experiment, part: record.part })
  return runs.map((run) => {
    const own = name(run)
    const twice = runs.filter((other) => name(other) === own).length > 1
    return { ...run, label: twice ? `${own} ${run.record.run.slice(0, 4)}` : own, arms: armsIn(run.record) }
  })
}

/** The comparisons of the arm that a run is about, and the one of its verdict, with the measure that it leads by. */
const comparisonsIn = ({ arms, label }: Labelled) => {
  const main = mainArm(arms)
  if (main === undefined) return []
  const verdict = verdictOf(arms)
  return armsOf(arms).flatMap((under) => {
    const compared = under === main ? undefined : comparedArms(arms, main, under)
    if (compared === undefined || !isDrawn(compared)) return []
    const { key, name, unit } = arms.concluded[0]!
    return [
      {
        ...{ label, arms, compared, measure: { key, name, unit } },
        title: `${main.name} minus ${under.name}`,
        isVerdict: verdict?.under.name === under.name,
      },
    ]
  })
}
type OneComparison = ReturnType<typeof comparisonsIn>[number]

/** A plot of each measure: a panel for each pair of arms that several runs compare, those of verdicts first. */
const forestPlots = (runs: ReadonlyArray<Labelled>): ReadonlyArray<Plot> => {
  const all = runs.flatMap(comparisonsIn)
  const shared = [...Map.groupBy(all, ({ title, measure }) => `${measure.key} ${title}`).values()].filter(
    (of) => of.length > 1,
  )
  const byMeasure = Map.groupBy(shared, ([first]) => first!.measure.key)
  return [...byMeasure.values()].map((groups): Plot => {
    const { key, name, unit } = groups[0]![0]!.measure
    const ofVerdicts = (group: ReadonlyArray<OneComparison>) => group.filter(({ isVerdict }) => isVerdict).length
    const panels: ReadonlyArray<ForestPanel> = groups
      .toSorted((a, b) => ofVerdicts(b) - ofVerdicts(a))
      .map((group) => ({
        title: group[0]!.title,
        // Each run alone: its interval at 95 %, and no wider one.
        rows: group.map(({ compared, label, arms }) => differenceRow(compared, label, arms, 0.95)),
      }))
    return {
      name: `runs-${key}`,
      title: `Differences of ${name}, by run`,
      caption:
        "Each pair of arms that several runs compare; in each run paired by seed and prompt, for its own target. Thick: 95 % interval. Full colour: 0 is outside of it. Grey band, level: within 2 points.",
      size: "whole",
      data: panels.flatMap(({ title, rows }) =>
        forestData([{ title, rows }], key).map((row, i) => ({ run: rows[i]!.name, ...row })),
      ),
      draw: (width) => forestChart(panels, { name, unit }, width),
    }
  })
}

/** Rows of arms, a column for each run: the first figure of its table. */
const armsTable = (runs: ReadonlyArray<Labelled>): StudyTable => {
  const tables = runs.map(({ record, label }) => {
    const table = tableIn(record)
    const first = table.columns.find(({ kind }) => kind === "figure") ?? table.columns[0]!
    return { label, table, first }
  })
  const one = new Set(tables.map(({ first }) => first.name)).size === 1
  const columns: ReadonlyArray<TableColumn> = tables.map(({ label, first }, i) => ({
    ...first,
    key: `run-${i}`,
    head: one ? label : `${label}, ${first.head}`,
    name: `${first.name} in ${label}`,
  }))
  const names = [...new Set(tables.flatMap(({ table }) => table.rows.map(({ name }) => name)))]
  const rowIn = (i: number, name: string) => tables[i]!.table.rows.find((row) => row.name === name)
  return {
    name: "arms-by-run",
    title: one ? `The arms: ${tables[0]!.first.head}` : "The arms",
    of: "arm",
    notes: [],
    columns: [...columns],
    rows: names.map((name) => ({
      name,
      context: tables.every((_, i) => rowIn(i, name)?.context ?? true),
      cells: Object.fromEntries(tables.map(({ first }, i) => [`run-${i}`, rowIn(i, name)?.cells[first.key] ?? null])),
    })),
  }
}

/** Settings whose values are not the same in all runs. */
const settingsTable = (runs: ReadonlyArray<Labelled>): StudyTable => {
  const leaves = runs.map(({ record }) => leavesOf(record.config, { wholeLists: true }))
  const paths = [...new Set(leaves.flatMap((of) => [...of.keys()]))].filter(
    (path) => new Set(leaves.map((of) => writeLeaf(of.get(path)))).size > 1,
  )
  return {
    name: "settings-by-run",
    title: "Settings that differ",
    of: "setting",
    notes: [],
    columns: runs.map(({ label }, i) => column(`run-${i}`, label, { kind: "text" })),
    rows: paths.map((path) => ({
      name: path,
      context: false,
      cells: Object.fromEntries(leaves.map((of, i) => [`run-${i}`, writeLeaf(of.get(path))])),
    })),
  }
}

const verdictParts = (runs: ReadonlyArray<Labelled>): ReadonlyArray<Part> => [
  html(
    `<ul class="conclusions">${runs
      .map(
        ({ label, folder, record }) =>
          `<li><a href="${escapeHtml(folder)}/report.html">${escapeHtml(label)}</a>: ${escapeHtml(record.verdict.replace(/^Verdict: /, ""))}</li>`,
      )
      .join("")}</ul>`,
  ),
]

/** "adaspec minus random: ahead in 2 runs, level in 1": of the verdicts' pairs; a count, which no interval goes with. */
const countLines = (runs: ReadonlyArray<Labelled>): ReadonlyArray<string> => {
  const verdicts = runs.flatMap(comparisonsIn).filter(({ isVerdict }) => isVerdict)
  return [...Map.groupBy(verdicts, ({ title, measure }) => `${title}, ${measure.name}`)].map(([title, of]) => {
    const standings = of.map(({ compared, label, arms }) => differenceRow(compared, label, arms, 0.95).standing)
    const counts = [...Map.groupBy(standings, (standing) => standing)].map(
      ([standing, all]) => `${standing === "" ? "no difference is shown" : standing} in ${all.length}`,
    )
    return `${title}: ${counts.join(", ")} of ${of.length} ${of.length === 1 ? "run" : "runs"}.`
  })
}

const pooled = (runs: ReadonlyArray<Pick<Labelled, "record" | "arms">>): StudyTable | undefined =>
  overRunsTable(runs.map(({ record, arms }) => ({ arms, config: record.config as PooledRun["config"] })))

/** The figures over several runs as a document: which runs, and the table, or null where no three runs compare a pair. */
export const overRunsRecord = (files: ReadonlyArray<ReportedRun>) => {
  const table = pooled(files.map(({ record }) => ({ record, arms: armsIn(record) })))
  return {
    schema: 1,
    runs: files.map(({ record }) => ({ experiment: record.experiment, part: record.part, run: record.run })),
    tables: table === undefined ? [] : [table],
  }
}

/** @param files two runs or more, of this version */
export const severalReport = (files: ReadonlyArray<ReportedRun>): Report => {
  const runs = labelled(files)
  const experiments = [...new Set(runs.map(({ record }) => record.experiment))]
  const questions = [...new Set(runs.map(({ record }) => record.question))]
  const settings = settingsTable(runs)
  const over = pooled(runs)
  const arms = armsTable(runs)
  return {
    slug: experiments.join(", "),
    question: questions.length === 1 ? questions[0]! : `${runs.length} runs beside each other`,
    facts: [
      `${runs.length} runs`,
      ...runs.map(({ label, record }) => `${label} ${record.run}, ${record.created.slice(0, 10)}`),
    ],
    verdict: countLines(runs),
    about: runs[0]!.arms.about,
    sections: [
      ...section("verdicts", "The verdicts", verdictParts(runs), { folded: false }),
      ...section("differences", "Differences", plots(forestPlots(runs)), { folded: false }),
      ...section("over-runs", over?.title ?? "", over === undefined ? [] : [{ kind: "table", table: over }], {
        folded: false,
      }),
      ...section("arms", arms.title, [{ kind: "table", table: arms, first: 5 }], { folded: false }),
      ...section(
        "questions",
        "The questions",
        questions.length === 1 ? [] : [html(notes(runs.map(({ label, record }) => `${label}: ${record.question}`)))],
      ),
      ...section("settings", settings.title, settings.rows.length === 0 ? [] : [{ kind: "table", table: settings }]),
    ],
  }
}
