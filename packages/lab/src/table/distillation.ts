/** The tables of a distillation: acceptance, cost, time of decoding, and differences of arms. */
import { median } from "@winnow/numerics"
import { meanTotal } from "../record/comparisons.ts"
import type { Budget, IntervalRecord, RowRecord, RunRecord, TotalBudget } from "../record/schema.ts"
import { column, type StudyTable, type TableCell, type TableColumn, type TableFigure } from "../study/table.ts"

/** A column, and its cell of a row. */
interface Entry {
  readonly column: TableColumn
  readonly cell: (row: RowRecord, run: RunRecord) => TableCell
}

const tableOf = (
  base: Pick<StudyTable, "name" | "title">,
  run: RunRecord,
  columns: ReadonlyArray<Entry>,
  rows = run.rows,
): StudyTable => ({
  ...base,
  of: "arm",
  notes: [],
  columns: columns.map(({ column }) => column),
  rows: rows.map((row) => ({
    name: row.name,
    context: row.role !== "arm",
    cells: Object.fromEntries(columns.map(({ column, cell }) => [column.key, cell(row, run)])),
  })),
})

const entry = (column: TableColumn, cell: Entry["cell"]): Entry => ({ column, cell })

const figure = ({ value, low, high, seeds }: IntervalRecord): TableFigure => ({ value, low, high, seeds })
const number = (value: number | null): TableFigure => ({ value })

const share = { style: "percent", unit: "%", direction: "higher" } as const
const tokens = { unit: "tokens", direction: "higher" } as const

const acceptance = ({ conditions }: RunRecord): ReadonlyArray<Entry> => [
  entry(column("greedyAcceptance", "greedy %", { ...share, name: "greedy acceptance" }), (r) =>
    figure(r.greedyAcceptance),
  ),
  entry(column("byPrompt", "by prompt %", { ...share, name: "greedy acceptance by prompt" }), (r) =>
    figure(r.perPrompt.greedyAcceptance),
  ),
  entry(column("expectedAcceptance", "expected %", { ...share, name: "expected acceptance" }), (r) =>
    figure(r.expectedAcceptance),
  ),
  entry(column("tau", `tau (g=${conditions.gamma})`, { ...tokens, name: "tau" }), (r) => figure(r.tau)),
  entry(column("sampledTau", "tau sampled", tokens), (r) => figure(r.sampledTau)),
  entry(column("mbsu", "MBSU", { direction: "higher" }), (r) => figure(r.mbsu)),
  entry(column("draftKl", "KL, nats", { name: "draft KL", style: "nats", unit: "nats", direction: "lower" }), (r) =>
    figure(r.draftKl),
  ),
  entry(column("speedup", "speed-up", { direction: "higher", clock: true }), (r) => figure(r.speedup)),
  entry(column("seeds", "seeds", { kind: "cost", style: "whole" }), (r) => number(r.seeds.length)),
  entry(column("flopsAll", "FLOPs, all", { kind: "cost", style: "short", unit: "FLOPs", direction: "lower" }), (r) =>
    number(meanTotal(r, "flops")),
  ),
]

/** A plugin with the options that tell it from its siblings: k and order. */
const plugin = (use: RowRecord["filter"]): string | null => {
  if (use === null) return null
  const { k, order } = use.options as { k?: number; order?: string }
  const parts = [...(typeof k === "number" ? [`k=${k}`] : []), ...(order === "bottom" ? ["bottom"] : [])]
  return parts.length === 0 ? use.name : `${use.name} ${parts.join(" ")}`
}

const mean = (row: RowRecord, of: (b: Budget) => number): number =>
  row.budget.reduce((sum, { arm }) => sum + of(arm), 0) / row.budget.length

/** Passes of the arm over the training text, the mean over seeds; null for another text. */
const passes = ({ budget }: RowRecord): number | null => {
  const counts = budget.flatMap(({ arm }) => arm.passes ?? [])
  return counts.length === 0 ? null : counts.reduce((a, b) => a + b, 0) / counts.length
}

/** The arm's own cost, and the cost with its reference and caches. */
const ownAndAll =
  (of: keyof TotalBudget): Entry["cell"] =>
  (row) => ({ value: mean(row, (b) => b[of]), all: meanTotal(row, of) })

const spent = { kind: "cost", direction: "lower" } as const

const cost: ReadonlyArray<Entry> = [
  entry(column("filter", "filter", { kind: "text" }), (r) => plugin(r.filter)),
  entry(column("loss", "loss", { kind: "text" }), (r) => plugin(r.loss)),
  entry(column("rate", "rate", { kind: "cost", style: "exact", name: "learning rate" }), (r) => number(r.learningRate)),
  entry(column("steps", "steps / all", { ...spent, style: "whole", name: "steps" }), ownAndAll("steps")),
  entry(column("passes", "passes", spent), (r) => number(passes(r))),
  entry(
    column("tokensTrained", "trained / all", { ...spent, style: "short", unit: "tokens", name: "tokens trained" }),
    ownAndAll("tokensTrained"),
  ),
  entry(
    column("tokensSeen", "seen / all", { ...spent, style: "short", unit: "tokens", name: "tokens seen" }),
    ownAndAll("tokensSeen"),
  ),
  entry(column("flops", "FLOPs / all", { ...spent, style: "short", unit: "FLOPs", name: "FLOPs" }), ownAndAll("flops")),
  entry(
    column("seconds", "seconds / all", { ...spent, style: "seconds", unit: "seconds", name: "seconds", clock: true }),
    ownAndAll("seconds"),
  ),
]

type Timing = NonNullable<RowRecord["seeds"][number]["timing"]>

/** The middle of the timed seeds, and the lowest and highest: the combined spread of clock and weights. */
const ofSeeds =
  (of: (timing: Timing) => number): Entry["cell"] =>
  ({ seeds }) => {
    const values = seeds.flatMap(({ timing }) => (timing ? [of(timing)] : [])).toSorted((a, b) => a - b)
    return values.length === 0 ? null : { value: median(values), low: values[0]!, high: values.at(-1)! }
  }

const clocked = { kind: "range", clock: true } as const
const micro = { ...clocked, style: "whole", unit: "microseconds", direction: "lower" } as const

const time = ({ conditions }: RunRecord): ReadonlyArray<Entry> => [
  entry(
    column("draftCall", "T draft, us", micro),
    ofSeeds(({ secondsPerCall: s }) => 1e6 * s.draft),
  ),
  entry(
    column("targetCall", "T target, us", micro),
    ofSeeds(({ secondsPerCall: s }) => 1e6 * s.target),
  ),
  entry(
    column("verifyCall", `T verify ${conditions.gamma + 1}, us`, micro),
    ofSeeds(({ secondsPerCall: s }) => 1e6 * s.verify),
  ),
  entry(
    column("tau", "tau", { ...clocked, ...tokens }),
    ofSeeds(({ blockEfficiency }) => blockEfficiency),
  ),
  entry(
    column("predicted", "predicted", clocked),
    ofSeeds(({ predicted }) => predicted),
  ),
  entry(
    column("predictedFromVerify", "by T verify", clocked),
    ofSeeds(({ predictedFromVerify }) => predictedFromVerify),
  ),
  entry(
    column("measured", "measured", { ...clocked, direction: "higher" }),
    ofSeeds(({ speedupByRound }) => median(speedupByRound)),
  ),
  entry(column("seeds", "seeds", { kind: "cost", style: "whole" }), ({ seeds }) =>
    number(seeds.filter(({ timing }) => timing).length),
  ),
]

/** The acceptance of each draft with its interval, and its cost in all. */
export const acceptanceTable = (run: RunRecord): StudyTable =>
  tableOf({ name: "acceptance", title: "What the target accepted" }, run, acceptance(run))

/** The training of each draft, and its cost. */
export const costTable = (run: RunRecord): StudyTable => tableOf({ name: "cost", title: "What it cost" }, run, cost)

/** The parts of the decoding time, of the drafts that were timed: parts, predictions, and measured times. */
export const timeTable = (run: RunRecord): StudyTable =>
  tableOf(
    { name: "time", title: "Where the time goes" },
    run,
    time(run),
    run.rows.filter(({ seeds }) => seeds.some(({ timing }) => timing)),
  )

const differenceColumns: ReadonlyArray<TableColumn> = [
  column("greedyAcceptance", "greedy, points", { ...share, name: "greedy acceptance" }),
  column("expectedAcceptance", "expected, points", { ...share, name: "expected acceptance" }),
  column("tau", "tau", tokens),
  column("draftKl", "KL, nats", { name: "draft KL", style: "nats", unit: "nats", direction: "lower" }),
]

/** Differences of all pairs of arms, paired by seed and prompt. */
export const differencesTable = ({ differences }: RunRecord): StudyTable => ({
  name: "differences",
  title: "Differences of arms",
  of: "arms",
  notes: ["Paired by seed and prompt."],
  columns: [...differenceColumns],
  rows: [...Map.groupBy(differences, ({ a, b }) => `${a} - ${b}`)].map(([name, all]) => ({
    name,
    context: false,
    cells: Object.fromEntries(
      all.map(({ measure, value, low, high, seeds }) => [measure, { value, low, high, seeds: seeds.length }]),
    ),
  })),
})

/** All tables of a distillation; lists and comparisons show the first. */
export const distillationTables = (run: RunRecord): ReadonlyArray<StudyTable> =>
  [acceptanceTable(run), ...(run.tables ?? []), differencesTable(run), costTable(run), timeTable(run)].filter(
    ({ rows }) => rows.length > 0,
  )
