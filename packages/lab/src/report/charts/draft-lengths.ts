/** The chart of tokens for each target call by draft length. */
import { armsOf } from "../../record/comparisons.ts"
import type { RunRecord } from "../../record/schema.ts"
import { rowColours } from "../colours.ts"
import type { Chart } from "../svg.ts"
import { colour, half, ordinalAxis, quantity } from "./layout.ts"

/** tau against gamma, a line for each arm: the mean of the seeds, with a point for each seed. */
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
  const x = ordinalAxis("gamma", "draft length gamma")
  const y = quantity("tau", "tau, tokens per target call")
  const color = colour(rowColours(run), names)
  return {
    data: { values },
    ...half,
    layer: [
      { mark: { type: "line", strokeWidth: 2 }, encoding: { x, y: { ...y, aggregate: "mean" }, color } },
      { mark: { type: "point", filled: true, size: 24, opacity: 0.7 }, encoding: { x, y, color } },
    ],
  } as Chart
}
