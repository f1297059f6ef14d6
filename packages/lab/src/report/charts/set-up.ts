/** The plot of the lowest loss that a draft of this size reaches. */
import { armsOf } from "../../record/comparisons.ts"
import type { IntervalRecord, RunRecord } from "../../record/schema.ts"
import { ink, rowColours } from "../colours.ts"
import type { Plot } from "../plot.ts"
import type { Chart } from "../svg.ts"
import { across, below, colour, halfHeight, intervals, isWhole, quantity, sizeFor } from "./layout.ts"

/**
 * The draft's KL against steps: a line for the long run on all tokens, points for the arms and the start. Undefined
 * without a long run.
 */
export const capacityPlot = (run: RunRecord): Plot | undefined => {
  if (run.capacity === null) return undefined
  const pointOf = (name: string, steps: number, { value, low, high, seeds }: IntervalRecord) => ({
    ...{ name, steps, value, low, high, seeds },
  })
  const arms = armsOf(run).map(({ name, budget, draftKl }) => pointOf(name, budget[0]!.arm.steps, draftKl))
  const points = run.capacity.points.map(({ steps, draftKl }) => pointOf("all tokens, long", steps, draftKl))
  const long = points.filter(isWhole)
  const { domain, range } = rowColours(run)
  const names = [...arms.map(({ name }) => name), "all tokens, long"]
  const x = quantity(
    "steps",
    "optimizer steps",
    { format: "~s", tickCount: 5, grid: false },
    { type: "log", nice: false, padding: 14 },
  )
  const y = (field: string) => quantity(field, "KL(p || q) of the draft, nats", { tickCount: 6 }, { zero: true })
  const draw = (width: number) => {
    const coloured = names.map((name) => range[domain.indexOf(name)] ?? ink)
    const color = colour({ domain: names, range: coloured }, below(names, width))
    return {
      ...across(width),
      height: halfHeight,
      data: { values: [...arms.filter(isWhole), ...long] },
      layer: [
        {
          data: { values: long },
          mark: { type: "line", strokeWidth: 2, strokeDash: [4, 3] },
          encoding: { x, y: y("value"), color },
        },
        ...intervals({ along: "y", of: y, encoding: { x, color } }),
      ],
    } as Chart
  }
  return {
    name: "capacity",
    title: "How low a draft of this size comes",
    caption: "One long run on all tokens, measured at half its steps and at the end. Lines: 95 % intervals.",
    size: sizeFor(names),
    data: [...arms, ...points].map(({ name, ...of }) => ({ draft: name, ...of })),
    draw,
  }
}
