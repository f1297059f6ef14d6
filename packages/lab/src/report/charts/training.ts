/** Charts of training, from the lines of metrics.jsonl. */
import { armsOf } from "../../record/comparisons.ts"
import type { RowRecord } from "../../record/schema.ts"
import { rowColours } from "../colours.ts"
import type { Chart } from "../svg.ts"
import { below, colour, half, quantity, wide } from "./layout.ts"

/** The part of a record that charts of training read. */
export interface TrainedRun {
  readonly rows: ReadonlyArray<Pick<RowRecord, "name" | "role" | "loss">>
  readonly seeds: ReadonlyArray<number>
}

/** A line of metrics.jsonl as charts read it. */
export interface MetricLine {
  readonly _tag?: string
  readonly stage?: string
  readonly arm?: string
  readonly seed?: number
  readonly step?: number
  readonly loss?: number
  readonly keptFraction?: number
  readonly keptLoss?: number
  readonly droppedLoss?: number
}

/** Means of windows of steps, so that a curve has at most `points` points. */
export const windows = (
  lines: ReadonlyArray<MetricLine>,
  field: "loss" | "keptFraction" | "keptLoss" | "droppedLoss",
  points = 60,
): ReadonlyArray<{ readonly step: number; readonly value: number }> => {
  const known = lines.filter((l) => typeof l[field] === "number")
  const size = Math.max(1, Math.ceil(known.length / points))
  return Array.from({ length: Math.ceil(known.length / size) }, (_, i) => {
    const part = known.slice(i * size, (i + 1) * size)
    return {
      step: part.reduce((sum, l) => sum + l.step!, 0) / part.length,
      value: part.reduce((sum, l) => sum + l[field]!, 0) / part.length,
    }
  })
}

/** The steps of each arm and seed. */
const curves = (run: TrainedRun, metrics: ReadonlyArray<MetricLine>) =>
  armsOf(run).flatMap(({ name, loss }) =>
    run.seeds.map((seed) => ({
      name,
      seed,
      loss: loss!.name,
      lines: metrics.filter((l) => l._tag === "step" && l.arm === name && l.seed === seed),
    })),
  )

/** Lines against steps: of each arm and seed one, in the arm's colour. */
const lines = (run: TrainedRun, names: ReadonlyArray<string>, y: object, more: object = {}) => ({
  mark: { type: "line", strokeWidth: 1.5, opacity: 0.85, clip: true },
  encoding: {
    x: quantity("step", "optimizer step", { tickCount: 5, grid: false }),
    y,
    color: {
      ...colour(rowColours(run)),
      sort: armsOf(run).map(({ name }) => name),
      legend: below(names),
    },
    detail: { field: "seed" },
    ...more,
  },
})

/**
 * Loss on the kept tokens against steps, one panel a loss: nats of KL and TVD are not one scale. Within a panel, too, a
 * filter that keeps hard tokens has the higher curve: it says how training went, not which arm is better.
 */
export const lossChart = (run: TrainedRun, metrics: ReadonlyArray<MetricLine>): Chart => {
  const all = curves(run, metrics)
  const losses = [...new Set(all.map(({ loss }) => loss))]
  const names = all.map(({ name }) => name)
  return {
    hconcat: losses.map((loss) => ({
      title: loss,
      width: Math.max(200, wide / losses.length - 75),
      height: 230,
      data: {
        values: all
          .filter((c) => c.loss === loss)
          .flatMap(({ name, seed, lines }) => windows(lines, "loss").map((w) => ({ name, seed, ...w }))),
      },
      ...lines(run, names, quantity("value", "loss on kept tokens")),
    })),
  } as unknown as Chart
}

/** Fraction kept against steps, for arms that drop anything. */
export const keptFractionChart = (run: TrainedRun, metrics: ReadonlyArray<MetricLine>): Chart | undefined => {
  const values = curves(run, metrics)
    .filter(({ lines }) => lines.some((l) => l.keptFraction! < 1))
    .flatMap(({ name, seed, lines }) => windows(lines, "keptFraction", 120).map((w) => ({ name, seed, ...w })))
  if (values.length === 0) return undefined
  const y = quantity("value", "kept fraction of valid tokens", { format: ".0%" }, { domain: [0, 1] })
  return {
    ...half,
    data: { values },
    ...lines(
      run,
      values.map(({ name }) => name),
      y,
    ),
  } as Chart
}

/** Dashes of dropped tokens' lines. */
const dashes = {
  field: "tokens",
  type: "nominal",
  sort: ["kept", "dropped"],
  scale: {
    domain: ["kept", "dropped"],
    range: [
      [1, 0],
      [4, 3],
    ],
  },
  legend: { orient: "bottom", title: null, symbolType: "stroke", symbolStrokeColor: "#1f2933" },
} as const

/** Mean loss of the tokens that the filter kept and of those that it dropped, for filters that read a loss. */
export const keptLossChart = (run: TrainedRun, metrics: ReadonlyArray<MetricLine>): Chart | undefined => {
  const values = curves(run, metrics).flatMap(({ name, seed, lines }) =>
    (["keptLoss", "droppedLoss"] as const).flatMap((field) =>
      windows(
        lines.filter((l) => l.droppedLoss !== undefined),
        field,
      ).map((w) => ({
        name,
        line: `${seed} ${field}`,
        tokens: field === "keptLoss" ? "kept" : "dropped",
        ...w,
      })),
    ),
  )
  if (values.length === 0) return undefined
  const y = quantity("value", "mean loss before the step", {}, { zero: true })
  const more = { strokeDash: dashes, detail: { field: "line" } }
  return {
    ...half,
    data: { values },
    ...lines(
      run,
      values.map(({ name }) => name),
      y,
      more,
    ),
  } as Chart
}
