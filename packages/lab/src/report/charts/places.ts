/**
 * Plots of the places where the target accepts: by place in a block, and at the tokens that a filter keeps and drops.
 */
import { armsOf } from "../../record/comparisons.ts"
import type { RunRecord } from "../../record/schema.ts"
import { faint, rowColours } from "../colours.ts"
import { isNarrow, type Plot } from "../plot.ts"
import type { Chart } from "../svg.ts"
import {
  across,
  below,
  colour,
  ends,
  halfHeight,
  intervals,
  isWhole,
  nameAxis,
  ordinalAxis,
  shapes,
  shares,
  sizeFor,
} from "./layout.ts"

/** Greedy acceptance of the first, second, ... token of a block, with the intervals of all arms side by side. */
export const positionPlot = (run: RunRecord): Plot => {
  const arms = armsOf(run)
  const names = arms.map(({ name }) => name)
  const all = arms.flatMap(({ name, byPosition }) =>
    byPosition.map(({ position, tested, acceptance }) => ({ name, position, tested, ...acceptance })),
  )
  const values = all.filter(isWhole)
  const x = {
    ...ordinalAxis("position", "place in the block"),
    scale: { paddingInner: 0.25, paddingOuter: 0.1 },
  } as const
  const look = rowColours(run)
  const draw = (width: number) => {
    const legend = below(names, width)
    const encoding = { x, xOffset: { field: "name", sort: names }, color: colour(look, legend) }
    const of = shares("accepted, of those tested there")
    const layer = intervals({
      along: "y",
      of,
      encoding,
      size: names.length > 8 ? 18 : 36,
      points: shapes(look, legend),
    })
    return { ...across(width), height: halfHeight, data: { values }, layer } as Chart
  }
  return {
    name: "acceptance-by-place",
    title: "By place in a block",
    caption: `Greedy, gamma = ${run.conditions.gamma}. Lines: 95 % intervals.`,
    size: sizeFor(names),
    data: all.map(({ name, position, tested, ...of }) => ({ arm: name, place: position, tested, ...ends(of) })),
    draw,
  }
}

/**
 * Agreement with the target at the tokens of its own texts that an arm's filter keeps, and at those that it drops: the
 * arm's, and in grey the baseline's at the same tokens. Undefined if no filter divides them.
 */
export const keptTokensPlot = (run: RunRecord): Plot | undefined => {
  const rows = armsOf(run).flatMap((row) => {
    if (row.kept === null || row.name === run.baseline) return []
    const { kept, dropped, baselineKept, baselineDropped, share } = row.kept
    const part = share.value === null ? "" : ` ${Math.round(100 * share.value)} %`
    const rest = share.value === null ? "" : ` ${Math.round(100 * (1 - share.value))} %`
    return [
      { arm: row.name, tokens: "kept", name: `${row.name}: kept${part}`, own: kept, baseline: baselineKept },
      {
        arm: row.name,
        tokens: "dropped",
        name: `${row.name}: dropped${rest}`,
        own: dropped,
        baseline: baselineDropped,
      },
    ]
  })
  if (rows.length === 0) return undefined
  const all = rows.flatMap(({ arm, tokens, name, own, baseline }) => [
    { arm, tokens, name, of: "the arm", ...own },
    { arm, tokens, name, of: run.baseline, ...baseline },
  ])
  const kinds = ["the arm", run.baseline]
  const draw = (width: number) => {
    const names = rows.map(({ name }) => name)
    const encoding = {
      y: nameAxis(names, width, 11),
      yOffset: { field: "of", sort: kinds },
      // The legend stands below the drawing, which long names leave two thirds of the width.
      color: colour(
        { domain: kinds, range: [rowColours(run).range[1] ?? faint, faint] },
        below(kinds, 0.62 * width),
        "of",
      ),
    }
    const narrow = isNarrow(width)
    const of = shares(`agreement with the target${narrow ? "" : "'s greedy token"}`, {}, narrow ? 4 : 7)
    const values = all.filter(isWhole)
    return {
      ...across(width),
      height: { step: 14 },
      data: { values },
      layer: intervals({ along: "x", of, encoding }),
    } as Chart
  }
  return {
    name: "agreement-at-kept-tokens",
    title: "At tokens that the filter keeps, and drops",
    caption:
      "Of the target's greedy texts, divided by the filter while the draft is as it starts; both drafts at the same tokens.",
    size: "half",
    data: all.map(({ arm, tokens, of, ...interval }) => ({ arm, tokens, draft: of, ...ends(interval) })),
    draw,
  }
}
