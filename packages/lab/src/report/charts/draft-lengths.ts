/** The plot of tokens for each target call by draft length. */
import { armsOf } from "../../record/comparisons.ts"
import type { RunRecord } from "../../record/schema.ts"
import { rowColours } from "../colours.ts"
import type { Plot } from "../plot.ts"
import type { Chart } from "../svg.ts"
import { across, below, colour, dashes, halfHeight, ofLines, ordinalAxis, quantity, sizeFor } from "./layout.ts"

/** tau against gamma, a line for each arm: the mean of the seeds, with a point for each seed. */
export const tauPlot = (run: RunRecord, decoding: "greedy" | "sampled"): Plot => {
  const arms = armsOf(run)
  const names = arms.map(({ name }) => name)
  const values = arms.flatMap(({ name, seeds }) =>
    seeds.flatMap(({ seed, byGamma }) =>
      byGamma.map(({ gamma, greedyTau, sampledTau }) => ({
        name,
        seed,
        gamma,
        tau: decoding === "greedy" ? greedyTau : sampledTau,
      })),
    ),
  )
  const x = ordinalAxis("gamma", "draft length gamma")
  const y = quantity("tau", "tau, tokens per target call")
  const look = rowColours(run)
  const draw = (width: number) => {
    const legend = ofLines(look, below(names, width))
    const color = colour(look, legend)
    const line = { x, y: { ...y, aggregate: "mean" }, color, ...dashes(look, legend) }
    return {
      ...across(width),
      height: halfHeight,
      data: { values },
      layer: [
        { mark: { type: "line", strokeWidth: 2 }, encoding: line },
        { mark: { type: "point", filled: true, size: 24, opacity: 0.7 }, encoding: { x, y, color } },
      ],
    } as Chart
  }
  return {
    name: `tau-${decoding}`,
    title: `Tokens per target call, ${decoding}`,
    caption:
      decoding === "greedy"
        ? "Lines: means over seeds. Points: seeds."
        : `Expected, temperature ${run.conditions.temperature}.`,
    size: sizeFor(names),
    data: values.map(({ name, ...rest }) => ({ arm: name, ...rest })),
    draw,
  }
}
