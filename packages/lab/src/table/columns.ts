/** The two tables of a run as cells: what was accepted, and what it cost. */
import { median } from "@winnow/numerics"
import { meanTotal } from "../record/comparisons.ts"
import type { Budget, RowRecord, RunRecord, TotalBudget } from "../record/schema.ts"
import { nats, percent, plain, plusMinus, short } from "./format.ts"

interface Column {
  readonly head: (run: RunRecord) => string
  readonly cell: (row: RowRecord, run: RunRecord) => string
  readonly left?: true
}

/** A table as text: the head first, and which columns are words. */
export interface Cells {
  readonly rows: ReadonlyArray<ReadonlyArray<string>>
  readonly left: ReadonlySet<number>
}

const cellsOf = (columns: ReadonlyArray<Column>, run: RunRecord, rows = run.rows): Cells => ({
  rows: [columns.map(({ head }) => head(run)), ...rows.map((row) => columns.map(({ cell }) => cell(row, run)))],
  left: new Set(columns.flatMap(({ left }, i) => (left ? [i] : []))),
})

/** A row's name; in brackets what is no arm and stands there for comparison. */
const named: Column = { head: () => "arm", cell: (r) => (r.role === "arm" ? r.name : `(${r.name})`), left: true }

/** A plugin with those options that tell it from its siblings: k and order. */
const plugin = (use: RowRecord["filter"]): string => {
  if (use === null) return "-"
  const { k, order } = use.options as { k?: number; order?: string }
  const parts = [...(typeof k === "number" ? [`k=${k}`] : []), ...(order === "bottom" ? ["bottom"] : [])]
  return parts.length === 0 ? use.name : `${use.name} ${parts.join(" ")}`
}

const mean = (row: RowRecord, of: (b: Budget) => number): number =>
  row.budget.reduce((sum, { arm }) => sum + of(arm), 0) / row.budget.length

const seconds = (x: number): string => (x < 100 ? x.toFixed(1) : x.toFixed(0))
const whole = (x: number): string => String(Math.round(x))

/** Passes over the training text: of the arm, the mean over seeds. */
const passes = ({ budget }: RowRecord): string => {
  const known = budget.flatMap(({ arm }) => arm.passes ?? [])
  return known.length === 0 ? "-" : (known.reduce((a, b) => a + b, 0) / known.length).toFixed(2)
}

/** The arm's own, and after a stroke all with its reference and caches; once where they are the same. */
const ownAndAll = (row: RowRecord, of: keyof TotalBudget, write: (x: number) => string): string => {
  const [own, all] = [write(mean(row, (b) => b[of])), write(meanTotal(row, of))]
  return own === all ? own : `${own} / ${all}`
}

const measured: ReadonlyArray<Column> = [
  named,
  { head: () => "greedy %", cell: (r) => plusMinus(r.greedyAcceptance, percent) },
  { head: () => "by prompt %", cell: (r) => plusMinus(r.perPrompt.greedyAcceptance, percent) },
  { head: () => "expected %", cell: (r) => plusMinus(r.expectedAcceptance, percent) },
  { head: ({ conditions }) => `tau (g=${conditions.gamma})`, cell: (r) => plusMinus(r.tau, plain) },
  { head: () => "tau sampled", cell: (r) => plusMinus(r.sampledTau, plain) },
  { head: () => "MBSU", cell: (r) => plusMinus(r.mbsu, plain) },
  { head: () => "KL, nats", cell: (r) => plusMinus(r.draftKl, nats) },
  { head: () => "speed-up", cell: (r) => plusMinus(r.speedup, plain) },
  { head: () => "seeds", cell: (r) => String(r.seeds.length) },
  { head: () => "FLOPs, all", cell: (r) => short(meanTotal(r, "flops")) },
]

const cost: ReadonlyArray<Column> = [
  named,
  { head: () => "filter", cell: (r) => plugin(r.filter), left: true },
  { head: () => "loss", cell: (r) => plugin(r.loss), left: true },
  { head: () => "rate", cell: (r) => (r.learningRate === null ? "-" : String(r.learningRate)) },
  { head: () => "steps / all", cell: (r) => ownAndAll(r, "steps", whole) },
  { head: () => "passes", cell: (r) => passes(r) },
  { head: () => "trained / all", cell: (r) => ownAndAll(r, "tokensTrained", short) },
  { head: () => "seen / all", cell: (r) => ownAndAll(r, "tokensSeen", short) },
  { head: () => "FLOPs / all", cell: (r) => ownAndAll(r, "flops", short) },
  { head: () => "seconds / all", cell: (r) => ownAndAll(r, "seconds", seconds) },
]

type Timing = NonNullable<RowRecord["seeds"][number]["timing"]>

/** The middle of the timed seeds, and the lowest and highest of them: what the clock and the weights change together. */
const ofSeeds =
  (of: (timing: Timing) => number, digits: number): Column["cell"] =>
  ({ seeds }) => {
    const found = seeds.flatMap(({ timing }) => (timing ? [of(timing)] : [])).toSorted((a, b) => a - b)
    const [low, high] = [found[0], found.at(-1)]
    if (low === undefined || high === undefined) return "-"
    return `${median(found).toFixed(digits)} [${low.toFixed(digits)}, ${high.toFixed(digits)}]`
  }

const time: ReadonlyArray<Column> = [
  named,
  { head: () => "T draft, us", cell: ofSeeds(({ secondsPerCall: s }) => 1e6 * s.draft, 0) },
  { head: () => "T target, us", cell: ofSeeds(({ secondsPerCall: s }) => 1e6 * s.target, 0) },
  {
    head: ({ conditions }) => `T verify ${conditions.gamma + 1}, us`,
    cell: ofSeeds(({ secondsPerCall: s }) => 1e6 * s.verify, 0),
  },
  { head: () => "tau", cell: ofSeeds(({ blockEfficiency }) => blockEfficiency, 2) },
  { head: () => "predicted", cell: ofSeeds(({ predicted }) => predicted, 2) },
  { head: () => "by T verify", cell: ofSeeds(({ predictedFromVerify }) => predictedFromVerify, 2) },
  { head: () => "measured", cell: ofSeeds(({ speedupByRound }) => median(speedupByRound), 2) },
  { head: () => "seeds", cell: ({ seeds }) => String(seeds.filter(({ timing }) => timing).length) },
]

/** Where the time of decoding goes, of the drafts that were timed: parts, predictions, and what the clock said. */
export const timeCells = (run: RunRecord): Cells =>
  cellsOf(
    time,
    run,
    run.rows.filter(({ seeds }) => seeds.some(({ timing }) => timing)),
  )

/** The acceptance of each draft, every figure with half the width of its 95 % interval, and its cost. */
export const acceptedCells = (run: RunRecord): Cells => cellsOf(measured, run)

/** How each draft was trained, and what that cost. */
export const costCells = (run: RunRecord): Cells => cellsOf(cost, run)
