/** Charts to read before a comparison: how rates were chosen, and how low the loss of a draft of this size comes. */
import { armsOf } from "../../record/comparisons.ts"
import type { IntervalRecord, RunRecord } from "../../record/schema.ts"
import { faint, ink, rowColours } from "../colours.ts"
import type { Chart } from "../svg.ts"
import { colour, half, intervals, isWhole, quantity } from "./layout.ts"

/** Acceptance on the validation split by learning rate, the chosen one filled; references in grey. Undefined without a search. */
export const tuningChart = (run: RunRecord): Chart | undefined => {
  if (run.tuning === null) return undefined
  const { arms, learningRates } = run.tuning
  const values = arms.flatMap(({ name, tried, chosen }) =>
    tried.flatMap(({ learningRate, greedyAcceptance }) =>
      greedyAcceptance === null
        ? []
        : [{ name, rate: learningRate, value: greedyAcceptance, is: learningRate === chosen ? "chosen" : "tried" }],
    ),
  )
  const { domain, range } = rowColours(run)
  const names = arms.map(({ name }) => name)
  const colourOf = (name: string) => range[domain.indexOf(name)] ?? faint
  const log = { type: "log", nice: false, padding: 14 }
  const x = quantity("rate", "learning rate", { values: learningRates, format: "~g", grid: false }, log)
  const y = quantity("value", "greedy acceptance, validation", { format: ".1%", tickCount: 6 })
  const color = colour({ domain: names, range: names.map(colourOf) }, names)
  return {
    ...half,
    data: { values },
    layer: [
      { mark: { type: "line", strokeWidth: 1.5, opacity: 0.8 }, encoding: { x, y, color } },
      {
        transform: [{ filter: "datum.is === 'chosen'" }],
        mark: { type: "point", filled: true, size: 70, opacity: 1, stroke: "white", strokeWidth: 1 },
        encoding: { x, y, color },
      },
    ],
  } as Chart
}

/** The draft's KL against steps: the long run on all tokens a line, the arms and the start points. Undefined without a long run. */
export const capacityChart = (run: RunRecord): Chart | undefined => {
  if (run.capacity === null) return undefined
  const pointOf = (name: string, steps: number, { value, low, high }: IntervalRecord) => ({
    name,
    steps,
    value,
    low,
    high,
  })
  const arms = armsOf(run).map(({ name, budget, draftKl }) => pointOf(name, budget[0]!.arm.steps, draftKl))
  const long = run.capacity.points
    .map(({ steps, draftKl }) => pointOf("all tokens, long", steps, draftKl))
    .filter(isWhole)
  const { domain, range } = rowColours(run)
  const names = [...arms.map(({ name }) => name), "all tokens, long"]
  const x = quantity(
    "steps",
    "optimizer steps",
    { format: "~s", tickCount: 5, grid: false },
    { type: "log", nice: false, padding: 14 },
  )
  const y = (field: string) => quantity(field, "KL(p || q) of the draft, nats", { tickCount: 6 }, { zero: true })
  const color = colour({ domain: names, range: names.map((name) => range[domain.indexOf(name)] ?? ink) }, names)
  return {
    ...half,
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
