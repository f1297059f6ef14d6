/**
 * Plots to read before a comparison: the search for settings, and the lowest loss that a draft of this size reaches.
 */
import { armsOf } from "../../record/comparisons.ts"
import type { IntervalRecord, RowRecord, RunRecord } from "../../record/schema.ts"
import { faint, ink, rim, rowColours } from "../colours.ts"
import type { Plot } from "../plot.ts"
import type { Chart } from "../svg.ts"
import { across, below, colour, halfHeight, intervals, isWhole, quantity, sizeFor } from "./layout.ts"

const measured: ReadonlyMap<string, readonly [title: string, format: string]> = new Map([
  ["greedyAcceptance", ["greedy acceptance, validation", ".1%"]],
  ["expectedAcceptance", ["expected acceptance, validation", ".1%"]],
  ["loss", ["loss of the answers, validation, nats", ".3f"]],
])

/** The setting on the axis of a search's chart: the learning rate, else the first whose values are numbers. */
const drawnBy = (over: Readonly<Record<string, ReadonlyArray<unknown>>>): string | undefined =>
  ["optimizer.learningRate", ...Object.keys(over)].find((path) => over[path]?.every((v) => typeof v === "number"))

/**
 * The measure on the validation split against one setting, at the best value of the other settings; the chosen point
 * filled, references in grey. Undefined without a search, or if no setting is a number.
 */
export const sweepPlot = (run: {
  readonly rows: ReadonlyArray<Pick<RowRecord, "name" | "role">>
  readonly sweep: RunRecord["sweep"]
}): Plot | undefined => {
  const path = run.sweep === null ? undefined : drawnBy(run.sweep.over)
  if (run.sweep === null || path === undefined) return undefined
  const { arms, by, better, over } = run.sweep
  const [title, format] = measured.get(by) ?? [`${by}, validation`, "~g"]
  const best = better === "higher" ? Math.max : Math.min
  const at = over[path] as ReadonlyArray<number>
  const values = arms.flatMap(({ name, tried, chosen }) =>
    at
      .toSorted((a, b) => a - b)
      .flatMap((x) => {
        const scores = tried.flatMap(({ set, score }) => (set[path] === x && score !== null ? [score] : []))
        return scores.length === 0
          ? []
          : [{ name, x, value: best(...scores), is: x === chosen[path] ? "chosen" : "tried" }]
      }),
  )
  const isLog = Math.min(...at) > 0 && Math.max(...at) >= 3 * Math.min(...at)
  const { domain, range } = rowColours(run)
  const names = arms.map(({ name }) => name)
  const colourOf = (name: string) => range[domain.indexOf(name)] ?? faint
  const titleOf = path === "optimizer.learningRate" ? "learning rate" : path
  const scale = isLog ? { type: "log", nice: false, padding: 14 } : { nice: false, padding: 14 }
  const x = quantity("x", titleOf, { values: [...at], format: "~g", grid: false }, scale)
  const y = quantity("value", title, { format, tickCount: 6 })
  const draw = (width: number) => {
    const color = colour({ domain: names, range: names.map(colourOf) }, below(names, width))
    return {
      ...across(width),
      height: halfHeight,
      data: { values },
      layer: [
        { mark: { type: "line", strokeWidth: 1.5, opacity: 0.8 }, encoding: { x, y, color } },
        {
          transform: [{ filter: "datum.is === 'chosen'" }],
          mark: { type: "point", filled: true, size: 70, opacity: 1, stroke: rim, strokeWidth: 1 },
          encoding: { x, y, color },
        },
      ],
    } as Chart
  }
  return {
    name: "search",
    title: path === "optimizer.learningRate" ? "Learning rates" : `The search over ${path}`,
    caption:
      "Under seeds that are not measured. Point: chosen. A setting at which training stopped itself has no point.",
    size: sizeFor(names),
    data: arms.flatMap(({ name, tried, chosen }) =>
      tried.map(({ set, score }) => ({
        arm: name,
        ...Object.fromEntries(
          Object.entries(set).map(([key, value]) => [
            key,
            typeof value === "number" || typeof value === "string" ? value : JSON.stringify(value),
          ]),
        ),
        score,
        chosen: JSON.stringify(set) === JSON.stringify(chosen) ? "yes" : "no",
      })),
    ),
    draw,
  }
}

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
