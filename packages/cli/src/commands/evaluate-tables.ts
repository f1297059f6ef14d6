/** The figures of an evaluation as tables of the lab, one row for each draft length. */
import type { OverPrompts } from "@winnow/decoding"
import { column, type StudyTable, type TableColumn, type TableFigure } from "@winnow/lab/outside"
import type { EvaluationRecord } from "./evaluate-record.ts"

type Result = EvaluationRecord["results"][number]

/** A column, and its cell of a draft length. */
interface Entry {
  readonly column: TableColumn
  readonly cell: (result: Result) => TableFigure | null
}

const entry = (column: TableColumn, cell: Entry["cell"]): Entry => ({ column, cell })

/** A figure with its interval over prompts. */
export const figureOf = (of: OverPrompts | null): TableFigure | null =>
  of && { value: of.pooled, low: of.low, high: of.high, seeds: 1 }

const share = { style: "percent", unit: "%", direction: "higher" } as const
const count = { kind: "cost", style: "whole" } as const
const plain = { kind: "cost" } as const

const tableOf = (
  name: string,
  title: string,
  columns: ReadonlyArray<Entry>,
  results: ReadonlyArray<Result>,
): StudyTable => ({
  ...{ name, title, of: "gamma", notes: [] },
  columns: columns.map(({ column }) => column),
  rows: results.map((result) => ({
    name: String(result.draftLength),
    context: false,
    cells: Object.fromEntries(columns.map(({ column, cell }) => [column.key, cell(result)])),
  })),
})

const acceptance = ({ conditions, results }: EvaluationRecord): StudyTable => {
  const sampled = entry(column("sampledAcceptance", "sampled %", share), (r) =>
    figureOf(r.overPrompts.sampledAcceptance),
  )
  const columns = [
    entry(column("greedyAcceptance", "greedy %", share), (r) => figureOf(r.overPrompts.greedyAcceptance)),
    ...(conditions.decoding === "sampled" ? [sampled] : []),
    entry(column("tau", "tau"), (r) => figureOf(r.overPrompts.blockEfficiency)),
    entry(column("mbsu", "MBSU"), (r) => figureOf(r.overPrompts.mbsu)),
    entry(column("speedup", "speed-up", { clock: true }), ({ speedup, timing }) =>
      speedup === null ? null : { value: speedup, ...timing!.interval, seeds: 1 },
    ),
    entry(column("tested", "tested", count), ({ counts }) => ({ value: counts.tested })),
    entry(column("blocks", "blocks", count), ({ counts }) => ({ value: counts.blocks })),
  ]
  return tableOf("acceptance", "", columns, results)
}

/** Places of a block that a table of 80 columns has room for. */
const mostPlaces = 9

const places = (results: ReadonlyArray<Result>): ReadonlyArray<StudyTable> => {
  const most = Math.max(...results.map(({ draftLength }) => draftLength))
  const columns = Array.from({ length: Math.min(most, mostPlaces) }, (_, i) =>
    entry(column(`place${i + 1}`, String(i + 1), { ...share, kind: "cost" }), ({ decoded }) => {
      const acceptance = decoded.byPosition[i]?.acceptance
      return acceptance == null ? null : { value: acceptance }
    }),
  )
  const cut = most > mostPlaces ? `; the first ${mostPlaces} of ${most} places, --json has all` : ""
  const title = `Acceptance by place in a block, % of the tokens tested there${cut}:`
  const drafted = results.filter(({ draftLength }) => draftLength > 0)
  return most === 0 ? [] : [tableOf("places", title, columns, drafted)]
}

/** Of trees: acceptance by the number of siblings that were judged before a token. */
const ranks = (results: ReadonlyArray<Result>): ReadonlyArray<StudyTable> => {
  const of = (result: Result, rank: number): readonly [accepted: number, tested: number] => {
    const sum = (key: "acceptedRank" | "testedRank") =>
      result.byPrompt.reduce((total, counts) => total + (counts[key][rank] ?? 0), 0)
    return [sum("acceptedRank"), sum("testedRank")]
  }
  const most = Math.max(0, ...results.flatMap(({ byPrompt }) => byPrompt.map(({ testedRank }) => testedRank.length)))
  const columns = Array.from({ length: Math.min(most, mostPlaces) }, (_, rank) =>
    entry(column(`rank${rank + 1}`, String(rank + 1), { ...share, kind: "cost" }), (result) => {
      const [accepted, tested] = of(result, rank)
      return tested === 0 ? null : { value: accepted / tested }
    }),
  )
  const title = "Acceptance by rank among siblings, % of the tokens tested, those before them rejected:"
  return most < 2 ? [] : [tableOf("ranks", title, columns, results)]
}

type Timing = NonNullable<Result["timing"]>

const timed = (column: TableColumn, value: (timing: Timing) => number): Entry =>
  entry(column, ({ timing }) => timing && { value: value(timing) })

const microseconds = { ...count, unit: "microseconds", clock: true } as const

/** The parts of the time, and the prediction of the speed-up from them. */
const times = (results: ReadonlyArray<Result>): ReadonlyArray<StudyTable> => {
  const rows = results.filter(({ timing }) => timing !== null)
  const us = (key: string, head: string, seconds: (timing: Timing) => number) =>
    timed(column(key, head, microseconds), (t) => 1e6 * seconds(t))
  const parts = [
    us("draft", "T draft", (t) => t.seconds.draft),
    us("target", "T target", (t) => t.seconds.target),
    us("verify", "T verify", (t) => t.seconds.verify),
    us("alone", "alone", (t) => t.secondsPerToken.alone),
    us("withDraft", "with draft", (t) => t.secondsPerToken.withDraft),
    timed(column("proposed", "proposed", plain), (t) => t.proposedPerCall),
    timed(column("tau", "tau", plain), (t) => t.blockEfficiency),
  ]
  const ratios = [
    timed(column("predicted", "predicted", plain), (t) => t.predicted),
    timed(column("byVerify", "by T verify", plain), (t) => t.predictedFromVerify),
    timed(column("ofTotals", "of totals", plain), (t) => t.ofTotals),
    timed(column("measured", "measured", plain), (t) => t.speedup),
  ]
  const ofParts =
    "Microseconds: of a proposed token, of a target call on a token, of one on a block; of a token of text, prompt included; then tokens proposed a call:"
  const ofRatios =
    "Speed-up: predicted as T_target / T with T = (proposed T_draft + T_target) / tau; the same with T_verify; of total times; measured (median):"
  return rows.length === 0 ? [] : [tableOf("times", ofParts, parts, rows), tableOf("speed-ups", ofRatios, ratios, rows)]
}

/** Acceptance, acceptance by place in a block, times and speed-ups; those that there is nothing of are left out. */
export const evaluationTables = (record: EvaluationRecord): ReadonlyArray<StudyTable> => [
  acceptance(record),
  ...places(record.results),
  ...ranks(record.results),
  ...times(record.results),
]
