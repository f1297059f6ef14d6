/** Tokens a target call by draft length. */
import { armsOf } from "../../record/comparisons.ts"
import type { RunRecord } from "../../record/schema.ts"
import { rowColours } from "../colours.ts"
import type { Chart } from "../svg.ts"
import { below, half } from "./layout.ts"

/** tau against gamma, a line an arm: the mean of the seeds, and each seed as a point. */
export const tauChart = (run: RunRecord, decoding: "greedy" | "sampled"): Chart => {
  const arms = armsOf(run)
  const names = arms.map(({ name }) => name)
  const values = arms.flatMap(({ name, seeds }) =>
    seeds.flatMap(({ byGamma }) =>
      byGamma.map(({ gamma, greedyTau, sampledTau }) => ({
        name,
        gamma,
        tau: decoding === "greedy" ? greedyTau : sampledTau,
      })),
    ),
  )
  const x = {
    field: "gamma",
    type: "ordinal",
    title: "draft length gamma",
    axis: { labelAngle: 0, grid: false },
  } as const
  const title = "tau, tokens per target call"
  const color = {
    field: "name",
    type: "nominal",
    scale: rowColours(run),
    legend: below(names, 2),
    sort: names,
  } as const
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
