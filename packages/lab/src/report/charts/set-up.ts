/** Charts to read before a comparison: how rates were chosen, and how low the loss of a draft of this size comes. */
import { armsOf } from "../../record/comparisons.ts"
import type { RunRecord } from "../../record/schema.ts"
import { faint, ink, rowColours } from "../colours.ts"
import type { Chart } from "../svg.ts"
import { below, half, isWhole } from "./layout.ts"

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
  const x = {
    field: "rate",
    type: "quantitative",
    scale: { type: "log", nice: false, padding: 14 },
    axis: { values: learningRates, format: "~g", grid: false },
    title: "learning rate",
  } as const
  const y = {
    field: "value",
    type: "quantitative",
    scale: { zero: false },
    axis: { format: ".1%", tickCount: 6 },
    title: "greedy acceptance, validation",
  } as const
  const color = {
    field: "name",
    type: "nominal",
    scale: { domain: names, range: names.map(colourOf) },
    sort: names,
    legend: below(names, 2),
  } as const
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
  const pointOf = (
    name: string,
    steps: number,
    kl: { value: number | null; low: number | null; high: number | null },
  ) => ({
    name,
    steps,
    value: kl.value,
    low: kl.low,
    high: kl.high,
  })
  const arms = armsOf(run).map(({ name, budget, draftKl }) => pointOf(name, budget[0]!.arm.steps, draftKl))
  const long = run.capacity.points
    .map(({ steps, draftKl }) => pointOf("all tokens, long", steps, draftKl))
    .filter(isWhole)
  const { domain, range } = rowColours(run)
  const names = [...arms.map(({ name }) => name), "all tokens, long"]
  const x = {
    field: "steps",
    type: "quantitative",
    scale: { type: "log", nice: false, padding: 14 },
    axis: { format: "~s", tickCount: 5, grid: false },
    title: "optimizer steps",
  } as const
  const y = (field: string) =>
    ({
      field,
      type: "quantitative",
      scale: { zero: true },
      axis: { tickCount: 6 },
      title: "KL(p || q) of the draft, nats",
    }) as const
  const color = {
    field: "name",
    type: "nominal",
    scale: { domain: names, range: names.map((name) => range[domain.indexOf(name)] ?? ink) },
    sort: names,
    legend: below(names, 2),
  } as const
  return {
    ...half,
    layer: [
      {
        data: { values: long },
        mark: { type: "line", strokeWidth: 2, strokeDash: [4, 3] },
        encoding: { x, y: y("value"), color },
      },
      {
        data: { values: [...arms.filter(isWhole), ...long] },
        mark: { type: "rule", strokeWidth: 2, opacity: 0.45 },
        encoding: { x, y: y("low"), y2: { field: "high" }, color },
      },
      {
        data: { values: [...arms.filter(isWhole), ...long] },
        mark: { type: "point", filled: true, size: 44, opacity: 1 },
        encoding: { x, y: y("value"), color },
      },
    ],
  } as Chart
}
