/**
 * Charts of the places where the target accepts: by place in a block, and at the tokens that a filter keeps and drops.
 */
import { armsOf } from "../../record/comparisons.ts"
import type { RunRecord } from "../../record/schema.ts"
import { faint, rowColours } from "../colours.ts"
import type { Chart } from "../svg.ts"
import { colour, half, intervals, isWhole, nameAxis, ordinalAxis, shares } from "./layout.ts"

/** Greedy acceptance of the first, second, ... token of a block, with the intervals of all arms side by side. */
export const positionChart = (run: RunRecord): Chart => {
  const arms = armsOf(run)
  const names = arms.map(({ name }) => name)
  const values = arms
    .flatMap(({ name, byPosition }) =>
      byPosition.map(({ position, acceptance }) => ({ name, position, ...acceptance })),
    )
    .filter(isWhole)
  const x = {
    ...ordinalAxis("position", "place in the block"),
    scale: { paddingInner: 0.25, paddingOuter: 0.1 },
  } as const
  const encoding = { x, xOffset: { field: "name", sort: names }, color: colour(rowColours(run), names) }
  const of = shares("accepted, of those tested there")
  return { ...half, data: { values }, layer: intervals({ along: "y", of, encoding, size: 36 }) } as Chart
}

/**
 * Agreement with the target at the tokens of its own texts that an arm's filter keeps, and at those that it drops: the
 * arm filled, the baseline at the same tokens hollow. Undefined if no filter divides them.
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
  const kinds = ["the arm", run.baseline]
  const encoding = {
    y: nameAxis(
      rows.map(({ name }) => name),
      11,
    ),
    yOffset: { field: "of", sort: kinds },
    color: colour({ domain: kinds, range: [rowColours(run).range[1] ?? faint, faint] }, kinds, "of"),
  }
  return {
    width: half.width - 140,
    height: { step: 14 },
    data: { values },
    layer: intervals({ along: "x", of: shares("agreement with the target's greedy token"), encoding }),
  } as Chart
}
