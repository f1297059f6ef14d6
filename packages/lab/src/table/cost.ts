/** The table of how each draft was trained, and what that cost. */
import { meanPasses, meanTotal } from "../record/comparisons.ts"
import type { Budget, SearchCost, SweepRecord, TotalBudget, TrainedRow } from "../record/schema.ts"
import { column, type StudyTable } from "../study/table.ts"
import { type Entry, entry, number, tableOf } from "./entries.ts"

/** A plugin with those options that tell it from its siblings: k and order. */
const plugin = (use: TrainedRow["filter"]): string | null => {
  if (use === null) return null
  const { k, order } = use.options as { k?: number; order?: string }
  const parts = [...(typeof k === "number" ? [`k=${k}`] : []), ...(order === "bottom" ? ["bottom"] : [])]
  return parts.length === 0 ? use.name : `${use.name} ${parts.join(" ")}`
}

const mean = (row: TrainedRow, of: (b: Budget) => number): number =>
  row.budget.reduce((sum, { arm }) => sum + of(arm), 0) / row.budget.length

/** The arm's own cost, and all with its reference and caches. */
const ownAndAll =
  (of: keyof TotalBudget): Entry<TrainedRow>["cell"] =>
  (row) => ({ value: mean(row, (b) => b[of]), all: meanTotal(row, of) })

const spent = { kind: "cost", direction: "lower" } as const

const cost: ReadonlyArray<Entry<TrainedRow>> = [
  entry(column("filter", "filter", { kind: "text" }), (r) => plugin(r.filter)),
  entry(column("loss", "loss", { kind: "text" }), (r) => plugin(r.loss)),
  entry(column("rate", "rate", { kind: "cost", style: "exact", name: "learning rate" }), (r) => number(r.learningRate)),
  entry(column("steps", "steps / all", { ...spent, style: "whole", name: "steps" }), ownAndAll("steps")),
  entry(column("passes", "passes", spent), (r) => number(meanPasses(r))),
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

/** The cost of the search for a draft's settings, beside its own training: it is in no other column. */
const searchColumns = (sweep: SweepRecord): ReadonlyArray<Entry<TrainedRow>> => {
  const costs = new Map(sweep.arms.flatMap(({ name, cost }) => (cost === undefined ? [] : [[name, cost] as const])))
  if (costs.size === 0) return []
  const cell = (of: keyof SearchCost) => (row: TrainedRow) => number(costs.get(row.name)?.[of] ?? null)
  return [
    entry(
      column("searchTrials", "trials", { ...spent, style: "whole", name: "trainings of the search" }),
      cell("trials"),
    ),
    entry(
      column("searchFlops", "search FLOPs", { ...spent, style: "short", unit: "FLOPs", name: "FLOPs of the search" }),
      cell("flops"),
    ),
    entry(
      column("searchSeconds", "search s", {
        ...spent,
        ...{ style: "seconds", unit: "seconds", name: "seconds of the search", clock: true },
      }),
      cell("seconds"),
    ),
  ]
}

/** How each draft was trained, what that cost, and what the search for its settings cost. */
export const costTable = ({
  rows,
  sweep = null,
}: {
  readonly rows: ReadonlyArray<TrainedRow>
  readonly sweep?: SweepRecord | null
}): StudyTable =>
  tableOf({ name: "cost", title: "What it cost" }, rows, [...cost, ...(sweep === null ? [] : searchColumns(sweep))])
