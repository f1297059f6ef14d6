/** Sections that reports of all runs share. */
import type { ModelRun } from "../export/chosen-model.ts"
import { exportLines } from "../export/commands.ts"
import type { ArmsRun } from "../record/comparisons.ts"
import type { RunRecord } from "../record/schema.ts"
import { limitOf } from "../record/smoke.ts"
import { standingsLine } from "../record/standings.ts"
import type { StudyTable } from "../study/table.ts"
import { missingLines } from "../table/caption.ts"
import { stabilityPlots } from "./charts/stability.ts"
import { keptFractionPlot, keptLossPlot, lossPlots, type MetricLine, type TrainedRun } from "./charts/training.ts"
import { html, type Part, plots, type Section, section } from "./document.ts"
import { escapeHtml } from "./escape-html.ts"
import { list, notes } from "./html.ts"
import { type KeptLine, keptSamples } from "./kept.ts"

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
  | "counts"
  | "verdict"
>

/** Experiment, part, preset and run, in one line. */
export const slugOf = ({ experiment, part, preset, run }: Headed): string =>
  [experiment, part, preset, run].filter((x) => x !== null).join(" / ")

/** The verdict, and the line of the arm's standing beside all others. */
export const verdictLines = ({ verdict, config }: Headed, run: ArmsRun): ReadonlyArray<string> => {
  // A smoke run says nothing of its arms.
  const standings = limitOf(config) === null ? standingsLine(run) : undefined
  return [verdict, ...(standings === undefined ? [] : [standings])]
}

/** A table with its notes, if it has any. */
export const tableParts = (
  table: StudyTable,
  more: Omit<Extract<Part, { kind: "table" }>, "kind" | "table"> = {},
): ReadonlyArray<Part> => [
  { kind: "table", table, ...more },
  ...(table.notes.length === 0 ? [] : [html(notes(table.notes))]),
]

/** Conclusions as a list, without the verdict. */
export const conclusionList = (conclusions: ReadonlyArray<string>, verdict: string): ReadonlyArray<Part> => {
  const others = conclusions.filter((text) => text !== verdict)
  if (others.length === 0) return []
  return [html(`<ul class="conclusions">${others.map((text) => `<li>${escapeHtml(text)}</li>`).join("")}</ul>`)]
}

/** The drafts that are missing, and the command that tries them again; in sight of a busy reader. */
export const missingSection = (run: Headed): ReadonlyArray<Section> =>
  section(
    "missing",
    "Missing",
    run.missing.length === 0
      ? []
      : [html(`<pre class="missing">${missingLines(run).map(escapeHtml).join("\n")}</pre>`)],
    { folded: false },
  )

/** The tables of stability with their plots. */
export const stabilitySection = (
  run: Parameters<typeof stabilityPlots>[0],
  tables: ReadonlyArray<StudyTable>,
): ReadonlyArray<Section> => {
  const own = tables.filter(({ name }) => name.startsWith("stability-"))
  return section("stability", "How stable the choice is", [
    ...plots(stabilityPlots(run, tables)),
    ...own.flatMap((table) => tableParts(table)),
  ])
}

/**
 * Curves of training, and samples of kept tokens.
 *
 * @param by the figures that compare arms, in a sentence
 */
export const trainingSections = (
  run: TrainedRun & { readonly about: string | null },
  lines: ReadonlyArray<ReportLine>,
  by: string,
): ReadonlyArray<Section> => {
  const samples = keptSamples(run, lines, run.about)
  return [
    ...section("training", "Training", [
      ...plots(lossPlots(run, lines, by)),
      ...plots([keptFractionPlot(run, lines), keptLossPlot(run, lines)]),
    ]),
    ...section("kept", "Tokens that the filters kept", samples === "" ? [] : [html(samples)]),
  ]
}

/** The anchor of the command that exports a model. */
export const exportAnchor = (name: string): string => `export-${name.replace(/[^\w-]+/g, "-")}`

/** The commands that export each model of a run, each with an anchor. */
export const exportSection = (run: ModelRun): ReadonlyArray<Section> => {
  const items = exportLines(run).map(({ name, command, note }) => {
    const text = escapeHtml(command)
    const more = note === "" ? "" : ` <span class="note">${escapeHtml(note)}</span>`
    return `<li id="${exportAnchor(name)}"><code>${text}</code>${more}<button type="button" data-copy="${text}">copy</button></li>`
  })
  return section("export", "Take a model along", [
    html(`<p class="note">Weights, tokenizer and model card, as transformers and serving engines open them. DIR is a folder that is not there yet.</p>
<ul class="commands">${items.join("")}</ul>`),
  ])
}

/** Links from the names of rows to their export commands. */
export const exportLinks = (run: ModelRun): ReadonlyMap<string, string> =>
  new Map(exportLines(run).map(({ name }) => [name, `#${exportAnchor(name)}`]))

/** The way to the page of single tokens, which a command of its own writes. */
export const tokensSection = ({ run }: Headed): ReadonlyArray<Section> =>
  section("tokens", "Token by token", [
    html(`<p class="note"><a href="tokens.html">tokens.html</a> has texts with every token kept or dropped, accepted or rejected, by loss and by acceptance, arms side by side. This command writes it:</p>
<pre>bun run winnow tokens ${escapeHtml(run)}</pre>`),
  ])

/** The files beside the report, and the commands that read them. */
export const recordSection = ({ run, experiment, counts }: Headed): ReadonlyArray<Section> => {
  const link = (file: string, says: string) => `<li><a href="${file}">${file}</a> ${says}</li>`
  const commands = [
    `bun run winnow runs export ${run} --to DIR`,
    `bun run experiment --repeat ${run}`,
    ...(counts === null ? [] : [`python3 docs/recheck.py results/${experiment}/...`]),
  ]
  return section("record", "The record", [
    html(`<ul class="conclusions">${[
      link("run.json", "every figure, difference and setting"),
      ...(counts === null ? [] : [link(counts.file, "the raw counts behind all figures")]),
      link("metrics.jsonl", "the steps of each training"),
    ].join("")}</ul>
<p class="note">All tables and plots as files (CSV, Markdown, LaTeX, SVG, PDF); the run made again; every figure anew from the counts:</p>
<pre>${commands.map(escapeHtml).join("\n")}</pre>`),
  ])
}

/** Commit, machine and versions, then all settings. */
export const configurationSection = ({
  created,
  commit,
  versions,
  machine,
  config,
}: Headed): ReadonlyArray<Section> => {
  const commitText = commit ? [`commit ${commit.hash.slice(0, 10)}${commit.dirty ? ", with changes" : ""}`] : []
  const facts = [
    ...commitText,
    `run ${created.slice(0, 10)}`,
    `${machine.cores} x ${machine.cpu}, ${machine.memoryGiB} GiB`,
    machine.system,
    `${machine.device}, products in ${machine.products}`,
    ...Object.entries(versions).map(([k, v]) => `${k} ${v}`),
  ]
  return section("configuration", "Configuration", [
    html(`${list(facts)}\n<pre>${escapeHtml(JSON.stringify(config, null, 2))}</pre>`),
  ])
}
