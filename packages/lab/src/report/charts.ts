/** The charts of a report, as Vega-Lite specifications made from run.json and metrics.jsonl. */
import type { RunRecord } from "../record/schema.ts"
import { armColours } from "./colours.ts"
import type { Chart } from "./svg.ts"

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

const armsOf = (run: RunRecord) => run.rows.filter(({ role }) => role === "arm")
const wide = 880

/** Greedy acceptance by arm: every seed a point, the mean a tick, the interval a line. */
export const acceptanceChart = (run: RunRecord): Chart => {
  const order = run.rows.map(({ name }) => name)
  const points = run.rows.flatMap(({ name, role, seeds }) =>
    seeds.map(({ seed, greedyAcceptance }) => ({ name, role, seed: `seed ${seed}`, value: greedyAcceptance })),
  )
  const means = run.rows.map(({ name, role, greedyAcceptance: g }) => ({ name, role, ...g }))
  const y = {
    field: "name",
    type: "nominal",
    sort: order,
    title: null,
    axis: { labelFontSize: 12, ticks: false, domain: false, labelColor: "#1f2933", labelPadding: 10 },
  } as const
  const x = (field: string) =>
    ({
      field,
      type: "quantitative",
      scale: { zero: false, padding: 16 },
      axis: { format: ".0%", tickCount: 8 },
      title: `greedy acceptance, gamma = ${run.conditions.gamma}`,
    }) as const
  const colour = {
    field: "name",
    type: "nominal",
    scale: armColours([
      ...armsOf(run).map(({ name }) => name),
      ...order.filter((n) => !armsOf(run).some((a) => a.name === n)),
    ]),
    legend: null,
  } as const
  return {
    width: wide - 130,
    height: { step: 34 },
    layer: [
      {
        data: { values: means },
        mark: { type: "rule", strokeWidth: 2, opacity: 0.35 },
        encoding: { y, x: x("low"), x2: { field: "high" }, color: colour },
      },
      {
        data: { values: means },
        mark: { type: "tick", thickness: 2.5, size: 18 },
        encoding: { y, x: x("value"), color: colour },
      },
      {
        data: { values: points },
        mark: { type: "point", filled: true, size: 60, opacity: 0.85, stroke: "white", strokeWidth: 1 },
        encoding: { y, x: x("value"), color: colour },
      },
      {
        data: { values: means.filter(({ value }) => value !== null) },
        mark: { type: "text", dy: -13, fontSize: 10.5, fontWeight: 600 },
        encoding: { y, x: x("value"), text: { field: "value", format: ".1%" }, color: colour },
      },
    ],
  } as Chart
}

/** Charts that stand two in a row; the legend is below, so that all have one width. */
const half = { width: 365, height: 220 } as const
const below = (rows: ReadonlyArray<{ readonly name: string }>) =>
  ({ orient: "bottom", columns: 3, title: null, values: [...new Set(rows.map(({ name }) => name))] }) as const

/** tau against gamma, a line an arm: the mean of the seeds, and each seed as a point. */
export const tauChart = (run: RunRecord, decoding: "greedy" | "sampled"): Chart => {
  const values = armsOf(run).flatMap(({ name, seeds }) =>
    seeds.flatMap(({ byGamma }) =>
      byGamma.map(({ gamma, greedyTau, sampledTau }) => ({
        name,
        gamma,
        tau: decoding === "greedy" ? greedyTau : sampledTau,
      })),
    ),
  )
  const arms = armsOf(run).map(({ name }) => name)
  const x = {
    field: "gamma",
    type: "ordinal",
    title: "draft length gamma",
    axis: { labelAngle: 0, grid: false },
  } as const
  const title = "tau, tokens per target call"
  const color = { field: "name", type: "nominal", scale: armColours(arms), legend: below(values), sort: arms } as const
  return {
    data: { values },
    ...half,
    layer: [
      {
        mark: { type: "line", strokeWidth: 2 },
        encoding: {
          x,
          y: { aggregate: "mean", field: "tau", type: "quantitative", scale: { zero: false }, title },
          color,
        },
      },
      {
        mark: { type: "point", filled: true, size: 24, opacity: 0.7 },
        encoding: { x, y: { field: "tau", type: "quantitative", title }, color },
      },
    ],
  } as Chart
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
const curves = (run: RunRecord, metrics: ReadonlyArray<MetricLine>) =>
  armsOf(run).flatMap(({ name, loss, filter }) =>
    run.seeds.map((seed) => ({
      name,
      seed,
      loss: loss!.name,
      filter: filter!.name,
      lines: metrics.filter((l) => l._tag === "step" && l.arm === name && l.seed === seed),
    })),
  )

/**
 * Loss on the kept tokens against steps, one panel a loss: nats of KL and TVD are not one scale. Within a panel, too, a
 * filter that keeps hard tokens has the higher curve: it says how training went, not which arm is better.
 */
export const lossChart = (run: RunRecord, metrics: ReadonlyArray<MetricLine>): Chart => {
  const arms = armsOf(run).map(({ name }) => name)
  const all = curves(run, metrics)
  const losses = [...new Set(all.map(({ loss }) => loss))]
  const width = Math.max(200, wide / losses.length - 75)
  return {
    hconcat: losses.map((loss) => ({
      title: loss,
      width,
      height: 230,
      data: {
        values: all
          .filter((c) => c.loss === loss)
          .flatMap(({ name, seed, lines }) => windows(lines, "loss").map((w) => ({ name, seed, ...w }))),
      },
      mark: { type: "line", strokeWidth: 1.5, opacity: 0.85, clip: true },
      encoding: {
        x: { field: "step", type: "quantitative", title: "optimizer step", axis: { tickCount: 5, grid: false } },
        y: { field: "value", type: "quantitative", title: "loss on kept tokens", scale: { zero: false } },
        color: { field: "name", type: "nominal", scale: armColours(arms), sort: arms, legend: below(all) },
        detail: { field: "seed" },
      },
    })),
  } as unknown as Chart
}

/** Fraction kept against steps, for arms that drop anything. */
export const keptFractionChart = (run: RunRecord, metrics: ReadonlyArray<MetricLine>): Chart | undefined => {
  const arms = armsOf(run).map(({ name }) => name)
  const values = curves(run, metrics)
    .filter(({ lines }) => lines.some((l) => l.keptFraction! < 1))
    .flatMap(({ name, seed, lines }) => windows(lines, "keptFraction", 120).map((w) => ({ name, seed, ...w })))
  if (values.length === 0) return undefined
  return {
    ...half,
    data: { values },
    mark: { type: "line", strokeWidth: 1.5, opacity: 0.85 },
    encoding: {
      x: { field: "step", type: "quantitative", title: "optimizer step", axis: { grid: false, tickCount: 5 } },
      y: {
        field: "value",
        type: "quantitative",
        title: "kept fraction of valid tokens",
        scale: { domain: [0, 1] },
        axis: { format: ".0%" },
      },
      color: { field: "name", type: "nominal", scale: armColours(arms), sort: arms, legend: below(values) },
      detail: { field: "seed" },
    },
  } as Chart
}

/** Mean loss of the tokens that the filter kept and of those that it dropped, for filters that read a loss. */
export const keptLossChart = (run: RunRecord, metrics: ReadonlyArray<MetricLine>): Chart | undefined => {
  const arms = armsOf(run).map(({ name }) => name)
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
  return {
    ...half,
    data: { values },
    mark: { type: "line", strokeWidth: 1.5, opacity: 0.85 },
    encoding: {
      x: { field: "step", type: "quantitative", title: "optimizer step", axis: { grid: false, tickCount: 5 } },
      y: { field: "value", type: "quantitative", title: "mean loss before the step", scale: { zero: true } },
      color: { field: "name", type: "nominal", scale: armColours(arms), sort: arms, legend: below(values) },
      strokeDash: {
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
      },
      detail: { field: "line" },
    },
  } as Chart
}
