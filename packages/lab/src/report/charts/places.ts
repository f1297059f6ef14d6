/** Where the target accepts: by place in a block, and at the tokens that a filter keeps and drops. */
import { armsOf } from "../../record/comparisons.ts"
import type { RunRecord } from "../../record/schema.ts"
import { faint, rowColours } from "../colours.ts"
import type { Chart } from "../svg.ts"
import { below, half, isWhole, nameAxis } from "./layout.ts"

/** Greedy acceptance of the first, second, ... token of a block, each arm's interval beside the others'. */
export const positionChart = (run: RunRecord): Chart => {
  const arms = armsOf(run)
  const names = arms.map(({ name }) => name)
  const values = arms
    .flatMap(({ name, byPosition }) =>
      byPosition.map(({ position, acceptance }) => ({ name, position, ...acceptance })),
    )
    .filter(isWhole)
  const x = {
    field: "position",
    type: "ordinal",
    title: "place in the block",
    axis: { labelAngle: 0, grid: false, ticks: false },
    scale: { paddingInner: 0.25, paddingOuter: 0.1 },
  } as const
  const xOffset = { field: "name", sort: names } as const
  const y = (field: string) =>
    ({
      field,
      type: "quantitative",
      scale: { zero: false },
      axis: { format: ".0%", tickCount: 6 },
      title: "accepted, of those tested there",
    }) as const
  const color = {
    field: "name",
    type: "nominal",
    scale: rowColours(run),
    sort: names,
    legend: below(names, 2),
  } as const
  return {
    ...half,
    data: { values },
    layer: [
      {
        mark: { type: "rule", strokeWidth: 2, opacity: 0.45 },
        encoding: { x, xOffset, y: y("low"), y2: { field: "high" }, color },
      },
      {
        mark: { type: "point", filled: true, size: 36, opacity: 1 },
        encoding: { x, xOffset, y: y("value"), color },
      },
    ],
  } as Chart
}

/**
 * Agreement with the target at the tokens of its own texts that an arm's filter keeps, and at those that it drops: the arm filled, the
 * baseline at the same tokens hollow. Undefined where no filter divides them.
 */
export const keptTokensChart = (run: RunRecord): Chart | undefined => {
  const rows = armsOf(run).flatMap((row) => {
    if (row.kept === null || row.name === run.baseline) return []
    const { kept, dropped, baselineKept, baselineDropped, share } = row.kept
    const part = share.value === null ? "" : ` ${Math.round(100 * share.value)} %`
    const rest = share.value === null ? "" : ` ${Math.round(100 * (1 - share.value))} %`
    return [
      { arm: row.name, name: `${row.name}: kept${part}`, own: kept, baseline: baselineKept },
      { arm: row.name, name: `${row.name}: dropped${rest}`, own: dropped, baseline: baselineDropped },
    ]
  })
  if (rows.length === 0) return undefined
  const values = rows
    .flatMap(({ arm, name, own, baseline }) => [
      { arm, name, of: "the arm", ...own },
      { arm, name, of: run.baseline, ...baseline },
    ])
    .filter(isWhole)
  const x = (field: string) =>
    ({
      field,
      type: "quantitative",
      scale: { zero: false },
      axis: { format: ".0%", tickCount: 6 },
      title: "agreement with the target's greedy token",
    }) as const
  const y = { ...nameAxis(rows.map(({ name }) => name)), axis: { ...nameAxis([]).axis, labelFontSize: 11 } }
  const yOffset = { field: "of", sort: ["the arm", run.baseline] } as const
  const range = [rowColours(run).range[1] ?? faint, faint]
  const color = {
    field: "of",
    type: "nominal",
    scale: { domain: ["the arm", run.baseline], range },
    legend: below(["the arm", run.baseline], 2),
  } as const
  return {
    width: half.width - 140,
    height: { step: 14 },
    data: { values },
    layer: [
      {
        mark: { type: "rule", strokeWidth: 2, opacity: 0.5 },
        encoding: { y, yOffset, x: x("low"), x2: { field: "high" }, color },
      },
      { mark: { type: "point", filled: true, size: 44, opacity: 1 }, encoding: { y, yOffset, x: x("value"), color } },
    ],
  } as Chart
}
