/** Plots of training, from the lines of metrics.jsonl. */
import { armsOf } from "../../record/comparisons.ts"
import type { RowRecord } from "../../record/schema.ts"
import { ink, rowColours } from "../colours.ts"
import { isNarrow, type Plot } from "../plot.ts"
import type { Chart } from "../svg.ts"
import { across, below, colour, dashes, halfHeight, ofLines, quantity } from "./layout.ts"

/** The part of a record that plots of training read. */
export interface TrainedRun {
  readonly rows: ReadonlyArray<Pick<RowRecord, "name" | "role" | "loss">>
  readonly seeds: ReadonlyArray<number>
}

/** A line of metrics.jsonl as plots read it. */
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
const curves = (run: TrainedRun, metrics: ReadonlyArray<MetricLine>) => {
  const steps = Map.groupBy(
    metrics.filter((l) => l._tag === "step"),
    ({ arm, seed }) => `${seed} ${arm}`,
  )
  return armsOf(run).flatMap(({ name, loss }) =>
    run.seeds.map((seed) => ({ name, seed, loss: loss!.name, lines: steps.get(`${seed} ${name}`) ?? [] })),
  )
}

interface CurvePoint {
  readonly name: string
  readonly seed: number
  readonly step: number
  readonly value: number
}

/** Four digits: what a curve shows, and little to download. */
const short = (x: number): number => Number(x.toPrecision(4))

/** The curve of each arm and seed in one field. */
const pointsOf = (
  all: ReturnType<typeof curves>,
  field: Parameters<typeof windows>[1],
  points?: number,
): ReadonlyArray<CurvePoint> =>
  all.flatMap(({ name, seed, lines }) =>
    windows(lines, field, points).map(({ step, value }) => ({ name, seed, step: short(step), value: short(value) })),
  )

const dataOf = (values: ReadonlyArray<CurvePoint>) => values.map(({ name, ...rest }) => ({ arm: name, ...rest }))

/** Lines against steps: of each arm and seed one, in the arm's colour. */
const linesAt = (
  width: number,
  run: TrainedRun,
  values: ReadonlyArray<{ readonly name: string }>,
  y: object,
  more: object = {},
): Chart => {
  const look = rowColours(run)
  const names = armsOf(run)
    .map(({ name }) => name)
    .filter((name) => values.some((value) => value.name === name))
  const legend = ofLines(look, below(names, width))
  return {
    ...across(width),
    height: halfHeight,
    data: { values },
    mark: { type: "line", strokeWidth: isNarrow(width) ? 1.2 : 1.5, opacity: 0.85, clip: true },
    encoding: {
      x: quantity("step", "optimizer step", { tickCount: 5, grid: false }),
      y,
      color: colour(look, legend),
      ...dashes(look, legend),
      detail: { field: "seed" },
      ...more,
    },
  } as Chart
}

/**
 * Loss on the kept tokens against steps, a plot for each loss: nats of KL and TVD are not one scale. Within a plot, too, a
 * filter that keeps hard tokens has the higher curve: it says how training went, not which arm is better.
 *
 * @param by the figures that compare arms, in a sentence
 */
export const lossPlots = (run: TrainedRun, metrics: ReadonlyArray<MetricLine>, by: string): ReadonlyArray<Plot> => {
  const all = curves(run, metrics)
  const losses = [...new Set(all.map(({ loss }) => loss))]
  return losses.map((loss) => {
    const values = pointsOf(
      all.filter((c) => c.loss === loss),
      "loss",
    )
    return {
      name: `training-loss-${loss.replace(/[^\w-]+/g, "-")}`,
      title: losses.length === 1 ? "Loss by arm, each seed a line" : `Loss ${loss} by arm, each seed a line`,
      caption: `A filter that keeps hard tokens has the higher curve: compare arms by ${by}, not by this.`,
      size: losses.length === 1 ? "whole" : "half",
      data: dataOf(values),
      draw: (width) => linesAt(width, run, values, quantity("value", "loss on kept tokens")),
    } satisfies Plot
  })
}

/** A kept fraction that stays within this share of its arm's mean is a setting, and no chart shows anything of it. */
const constant = 0.05

/** Fraction kept against steps, for arms whose fraction changes as they train; undefined without such an arm. */
export const keptFractionPlot = (run: TrainedRun, metrics: ReadonlyArray<MetricLine>): Plot | undefined => {
  const values = curves(run, metrics).flatMap((curve) => {
    const points = pointsOf([curve], "keptFraction")
    const fractions = points.map(({ value }) => value)
    const middle = fractions.reduce((sum, x) => sum + x, 0) / fractions.length
    return Math.max(...fractions) - Math.min(...fractions) > 2 * constant * middle ? points : []
  })
  if (values.length === 0) return undefined
  const y = quantity("value", "kept fraction of valid tokens", { format: ".0%" }, { domain: [0, 1] })
  return {
    name: "kept-fraction",
    title: "Kept fraction",
    caption: "Of the valid tokens, each seed a line; arms that keep one fraction throughout are left out.",
    size: "half",
    data: dataOf(values),
    draw: (width) => linesAt(width, run, values, y),
  }
}

/** Dashes of dropped tokens' lines. */
const keptDashes = {
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
  legend: { orient: "bottom", title: null, symbolType: "stroke", symbolStrokeColor: ink },
} as const

/** Mean loss of the tokens that the filter kept and of those that it dropped, for filters that read a loss. */
export const keptLossPlot = (run: TrainedRun, metrics: ReadonlyArray<MetricLine>): Plot | undefined => {
  const reading = curves(run, metrics).map(({ lines, ...curve }) => ({
    ...curve,
    lines: lines.filter((l) => l.droppedLoss !== undefined),
  }))
  const values = (["keptLoss", "droppedLoss"] as const).flatMap((field) =>
    pointsOf(reading, field, 40).map((point) => ({
      ...point,
      line: `${point.seed} ${field}`,
      tokens: field === "keptLoss" ? "kept" : "dropped",
    })),
  )
  if (values.length === 0) return undefined
  const y = quantity("value", "mean loss before the step", {}, { zero: true })
  return {
    name: "kept-loss",
    title: "Loss of kept and dropped tokens",
    caption: "The loss that the filter reads.",
    size: "half",
    data: values.map(({ name, line: _, ...rest }) => ({ arm: name, ...rest })),
    draw: (width) => linesAt(width, run, values, y, { strokeDash: keptDashes, detail: { field: "line" } }),
  }
}
