/** The tables of a distillation: acceptance, cost, time of decoding, and differences of arms. */
import { median } from "@winnow/numerics"
import { meanPasses, meanTotal } from "../record/comparisons.ts"
import type { IntervalRecord, RowRecord, RunRecord } from "../record/schema.ts"
import { column, type StudyTable, type TableColumn, type TableFigure } from "../study/table.ts"
import { costTable } from "./cost.ts"
import { differencesTable } from "./differences.ts"
import { type Entry, entry, number, tableOf } from "./entries.ts"

const figure = ({ value, low, high, seeds }: IntervalRecord): TableFigure => ({ value, low, high, seeds })

const share = { style: "percent", unit: "%", direction: "higher" } as const
const tokens = { unit: "tokens", direction: "higher" } as const

/** The first five say most: lists, terminals and reports that have no room for all columns show these. */
const acceptance = ({ conditions, rows }: RunRecord): ReadonlyArray<Entry<RowRecord>> => [
  entry(column("greedyAcceptance", "greedy %", { ...share, name: "greedy acceptance" }), (r) =>
    figure(r.greedyAcceptance),
  ),
  entry(column("expectedAcceptance", "expected %", { ...share, name: "expected acceptance" }), (r) =>
    figure(r.expectedAcceptance),
  ),
  entry(column("tau", `tau (g=${conditions.gamma})`, { ...tokens, name: "tau" }), (r) => figure(r.tau)),
  entry(column("passes", "passes", { kind: "cost", direction: "lower" }), (r) => number(meanPasses(r))),
  entry(column("flopsAll", "FLOPs", { kind: "cost", style: "short", unit: "FLOPs", direction: "lower" }), (r) =>
    number(meanTotal(r, "flops")),
  ),
  entry(column("draftKl", "KL, nats", { name: "draft KL", style: "nats", unit: "nats", direction: "lower" }), (r) =>
    figure(r.draftKl),
  ),
  entry(column("byPrompt", "by prompt %", { ...share, name: "greedy acceptance by prompt" }), (r) =>
    figure(r.perPrompt.greedyAcceptance),
  ),
  entry(column("sampledTau", "tau sampled", tokens), (r) => figure(r.sampledTau)),
  entry(column("mbsu", "MBSU", { direction: "higher" }), (r) => figure(r.mbsu)),
  ...(rows.some(({ sampledMbsu }) => sampledMbsu !== undefined)
    ? [
        entry<RowRecord>(column("sampledMbsu", `MBSU (t=${conditions.temperature})`, { direction: "higher" }), (r) =>
          r.sampledMbsu ? figure(r.sampledMbsu) : null,
        ),
      ]
    : []),
  entry(column("speedup", "speed-up", { direction: "higher", clock: true }), (r) => figure(r.speedup)),
  entry(column("seeds", "seeds", { kind: "cost", style: "whole" }), (r) => number(r.seeds.length)),
]

type Timing = NonNullable<RowRecord["seeds"][number]["timing"]>

/** The middle of the timed seeds, and the lowest and highest: the combined spread of clock and weights. */
const ofSeeds =
  (of: (timing: Timing) => number): Entry<RowRecord>["cell"] =>
  ({ seeds }) => {
    const values = seeds.flatMap(({ timing }) => (timing ? [of(timing)] : [])).toSorted((a, b) => a - b)
    return values.length === 0 ? null : { value: median(values), low: values[0]!, high: values.at(-1)! }
  }

const clocked = { kind: "range", clock: true } as const
const micro = { ...clocked, style: "whole", unit: "microseconds", direction: "lower" } as const

const time = ({ conditions }: RunRecord): ReadonlyArray<Entry<RowRecord>> => [
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
  tableOf({ name: "acceptance", title: "What the target accepted" }, run.rows, acceptance(run))

/** The parts of the decoding time, of the drafts that were timed: parts, predictions, and measured times. */
export const timeTable = (run: RunRecord): StudyTable =>
  tableOf(
    { name: "time", title: "Where the time goes" },
    run.rows.filter(({ seeds }) => seeds.some(({ timing }) => timing)),
    time(run),
  )

const differenceColumns: ReadonlyArray<TableColumn> = [
  column("greedyAcceptance", "greedy, points", { ...share, name: "greedy acceptance" }),
  column("expectedAcceptance", "expected, points", { ...share, name: "expected acceptance" }),
  column("tau", "tau", tokens),
  column("draftKl", "KL, nats", { name: "draft KL", style: "nats", unit: "nats", direction: "lower" }),
]

/** All tables of a distillation; lists and comparisons show the first. */
export const distillationTables = (run: RunRecord): ReadonlyArray<StudyTable> =>
  [
    acceptanceTable(run),
    ...(run.tables ?? []),
    differencesTable(differenceColumns, run.differences),
    costTable(run),
    timeTable(run),
  ].filter(({ rows }) => rows.length > 0)
