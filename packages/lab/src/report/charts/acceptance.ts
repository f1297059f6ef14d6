/** Plots of greedy acceptance: by arm, and against cost. */
import { meanTotal } from "../../record/comparisons.ts"
import type { RunRecord } from "../../record/schema.ts"
import { rim, rowColours } from "../colours.ts"
import { isNarrow, type Plot } from "../plot.ts"
import { type Chart, textWidth } from "../svg.ts"
import { across, colour, ends, intervals, isWhole, nameAxis, quantity, shares, type Whole } from "./layout.ts"

/** Greedy acceptance by arm: a point for every seed, a tick for the pooled figure, a line for the interval. */
export const acceptancePlot = (run: RunRecord): Plot => {
  const points = run.rows.flatMap(({ name, seeds }) =>
    seeds.map(({ seed, greedyAcceptance }) => ({ name, seed, value: greedyAcceptance })),
  )
  const means = run.rows.map(({ name, greedyAcceptance: g }) => ({ name, ...g }))
  const draw = (width: number) => {
    const title = `greedy acceptance, gamma = ${run.conditions.gamma}`
    const x = shares(title, { padding: 16 }, isNarrow(width) ? 4 : 7)
    const encoding = {
      y: nameAxis(
        run.rows.map(({ name }) => name),
        width,
      ),
      color: colour(rowColours(run)),
    }
    const [line] = intervals({ along: "x", of: x, encoding })
    return {
      ...across(width),
      height: { step: 32 },
      layer: [
        { data: { values: means.filter(isWhole) }, ...line },
        {
          data: { values: means },
          mark: { type: "tick", thickness: 2.5, size: 18 },
          encoding: { ...encoding, x: x("value") },
        },
        {
          data: { values: points },
          mark: { type: "point", filled: true, size: 50, opacity: 0.75, stroke: rim, strokeWidth: 1 },
          encoding: { ...encoding, x: x("value") },
        },
        {
          data: { values: means.filter(({ value }) => value !== null) },
          mark: { type: "text", dy: -13, fontSize: 10.5, fontWeight: 600 },
          encoding: { ...encoding, x: x("value"), text: { field: "value", format: ".1%" } },
        },
      ],
    } as Chart
  }
  return {
    name: "acceptance-by-arm",
    title: "Greedy acceptance by arm",
    caption: "Points: seeds. Tick: pooled over seeds. Line: 95 % interval (of two seeds none).",
    size: "whole",
    data: [
      ...run.rows.map(({ name, greedyAcceptance }) => ({ arm: name, seed: "all", ...ends(greedyAcceptance) })),
      ...points.map(({ name, seed, value }) => ({ arm: name, seed, value })),
    ],
    draw,
  }
}

/** Costs closer than this ratio look equal: their points are drawn side by side, in the order of their acceptance. */
const sameCost = 1.08

interface Placed extends Whole<object> {
  readonly name: string
  /** FLOPs. */
  readonly cost: number
  /** The cost at which the point is drawn, and its label. */
  readonly at: number
  readonly labelAt: number
  readonly labelValue: number
}

/** Rows within the arms' budget: the start is far below it, and the long run, far above it, has a chart of its own. */
const ofBudget = ({ rows }: RunRecord) => rows.filter(({ role }) => role === "arm" || role === "reference")

/**
 * Places points of one cost side by side, with their labels right of all of them, at least `gap` of acceptance apart.
 */
const place = (run: RunRecord, gap: number): ReadonlyArray<Placed> => {
  const rows = ofBudget(run)
    .map((row) => ({ name: row.name, ...row.greedyAcceptance, cost: meanTotal(row, "flops") }))
    .filter(isWhole)
    .toSorted((a, b) => a.cost - b.cost)
  const groups: Array<Array<(typeof rows)[number]>> = []
  for (const row of rows) {
    const last = groups.at(-1)
    if (last !== undefined && row.cost < sameCost * last[0]!.cost) last.push(row)
    else groups.push([row])
  }
  // The distance is a small share of the axis, so that nobody reads it as another cost.
  const spread = (rows.at(-1)?.cost ?? 1) / (rows[0]?.cost ?? 1)
  const step = Math.min(1.03, Math.max(1.004, spread ** 0.025))
  return groups.flatMap((group) => {
    const sorted = group.toSorted((a, b) => b.value - a.value)
    const at = sorted.map(({ cost }, i) => cost * step ** (i - (sorted.length - 1) / 2))
    let above = Number.POSITIVE_INFINITY
    return sorted.map((row, i) => {
      above = Math.min(row.value, above - gap)
      return { ...row, at: at[i]!, labelAt: Math.max(...at) * step, labelValue: above }
    })
  })
}

/** Greedy acceptance against all FLOPs of the draft, references and caches included. */
export const computePlot = (run: RunRecord): Plot => {
  const values = ofBudget(run)
    .map(({ greedyAcceptance }) => greedyAcceptance)
    .filter(isWhole)
  const [least, most] = [Math.min(...values.map((v) => v.low)), Math.max(...values.map((v) => v.high))]
  const height = 340
  const draw = (width: number) => {
    const narrow = isNarrow(width)
    const placed = place(run, (most - least + 0.02) * (narrow ? 0.04 : 0.045))
    const start = 0.85 * Math.min(...placed.map(({ at }) => at))
    const fontSize = narrow ? 10 : 11
    /** The end of the scale at which each name has room beside its point: the axis itself takes the first 70 pixels. */
    const end = placed.map(({ name, labelAt }) => {
      const share = Math.min(0.7, (textWidth({ text: name, fontSize, fontWeight: 600 }) + 12) / (width - 70))
      return start * (labelAt / start) ** (1 / (1 - share))
    })
    const x = (field: string) =>
      quantity(
        field,
        narrow ? "FLOPs of all training" : "FLOPs of all training: the draft's, its reference's, its caches'",
        { format: Math.max(...end) < 2 * start ? ".3s" : ".2s", tickCount: narrow ? 3 : 6, grid: false },
        { type: "log", domain: [start, Math.max(...end)], nice: false },
      )
    const lowest = Math.min(least - 0.01, ...placed.map(({ labelValue }) => labelValue - 0.01))
    const y = shares(`greedy acceptance, gamma = ${run.conditions.gamma}`, { domain: [lowest, most + 0.01] })
    const color = colour(rowColours(run))
    const text = { type: "text", align: "left", fontSize, fontWeight: 600 } as const
    return {
      ...across(width),
      height,
      data: { values: placed },
      layer: [
        ...intervals({ along: "y", of: y, encoding: { x: x("at"), color }, size: 64, rim: true }),
        {
          // A rim in the colour of the page keeps an interval behind a name from striking it out.
          mark: { ...text, stroke: rim, strokeWidth: 4 },
          encoding: { x: x("labelAt"), y: y("labelValue"), text: { field: "name" } },
        },
        { mark: text, encoding: { x: x("labelAt"), y: y("labelValue"), text: { field: "name" }, color } },
      ],
    } as Chart
  }
  return {
    name: "acceptance-against-compute",
    title: "Greedy acceptance against compute",
    caption: "Lines: 95 % intervals. Points of one cost stand side by side. Grey: no arms, for comparison.",
    size: "whole",
    data: ofBudget(run).map((row) => ({
      arm: row.name,
      flops: meanTotal(row, "flops"),
      ...ends(row.greedyAcceptance),
    })),
    draw,
  }
}
