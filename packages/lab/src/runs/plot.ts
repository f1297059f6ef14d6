/** One picture of several runs: each arm minus one arm, over a setting in which the runs differ. */
import { InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import { valueAt } from "../experiment/points.ts"
import { armsOf, differenceBetween } from "../record/comparisons.ts"
import type { RunRecord } from "../record/schema.ts"
import { isWhole } from "../report/charts/layout.ts"
import { faint, ink } from "../report/colours.ts"
import { type Chart, svgOf } from "../report/svg.ts"
import { percent, signed } from "../table/format.ts"

/** The acceptances that a panel shows, with their colours. */
const measures = [
  { key: "greedyAcceptance", name: "greedy", colour: ink },
  { key: "expectedAcceptance", name: "expected, temperature 1", colour: "#d55e00" },
] as const

/** One point: an arm of a run minus the other arm, in points. */
export interface PlotPoint {
  readonly arm: string
  /** The arm's setting, or the other arm's where it has none. */
  readonly at: number
  readonly measure: string
  readonly value: number
  readonly low: number
  readonly high: number
}

/** A setting of an arm as the record's config has it: "filter.k" is the option k of its filter. */
const settingOf = (run: RunRecord, arm: string, path: string): unknown => {
  const [field, ...deeper] = path.split(".")
  const use = valueAt(run.config, ["arms", arm, field!])
  const options = valueAt(use, ["options"])
  return options === undefined ? valueAt(use, deeper) : valueAt(options, deeper)
}

/**
 * The arms of a run, each with the arm that is taken away from it: one for all; or, in a run that has each arm several
 * times, that with the same ending of its name, such as `random-0-2` for `adaspec-0-2`, drawn as `adaspec`.
 */
const pairsOf = (names: ReadonlyArray<string>, other: string) =>
  names.includes(other)
    ? names.filter((arm) => arm !== other).map((arm) => ({ arm, drawnAs: arm, control: other }))
    : names
        .filter((name) => name.startsWith(`${other}-`))
        .flatMap((control) => {
          const ending = control.slice(other.length)
          return names
            .filter((arm) => arm !== control && arm.endsWith(ending))
            .map((arm) => ({ arm, drawnAs: arm.slice(0, -ending.length), control }))
        })

/**
 * The points of all arms but one. An arm that several runs have at one setting is that of the first of them.
 *
 * @param over a path inside an arm, as `--set` has it: "filter.k"
 * @param other the arm that is taken away from each, or how its names begin, as `pairsOf` has it
 * @error InvalidInput for a run without that arm, and for a path that holds no number there
 */
export const plotPoints = Effect.fnUntraced(function* (runs: ReadonlyArray<RunRecord>, over: string, other: string) {
  const points: Array<PlotPoint> = []
  for (const run of runs) {
    const names = armsOf(run).map(({ name }) => name)
    const pairs = pairsOf(names, other)
    if (pairs.length === 0 && !names.includes(other))
      return yield* new InvalidInput({
        what: `--minus ${other}`,
        problems: [`run ${run.run} has no such arm; it has ${names.join(", ")}`],
      })
    for (const { arm, drawnAs, control } of pairs) {
      const common = settingOf(run, control, over)
      if (typeof common !== "number")
        return yield* new InvalidInput({
          what: `--over ${over}`,
          problems: [
            `arm ${control} of run ${run.run} has ${JSON.stringify(common) ?? "nothing"} there, expected a number`,
          ],
        })
      const own = settingOf(run, arm, over)
      const at = typeof own === "number" ? own : common
      for (const { key, name } of measures) {
        const difference = differenceBetween(run, arm, control, key)
        if (difference === undefined || !isWhole(difference)) continue
        if (points.some((point) => point.arm === drawnAs && point.at === at && point.measure === name)) continue
        const [value, low, high] = [difference.value, difference.low, difference.high].map((share) => 100 * share)
        points.push({ arm: drawnAs, at, measure: name, value: value!, low: low!, high: high! })
      }
    }
  }
  if (new Set(points.map(({ at }) => at)).size < 2)
    return yield* new InvalidInput({
      what: `--over ${over}`,
      problems: ["all runs have the same value there; give runs that differ in it"],
    })
  return points as ReadonlyArray<PlotPoint>
})

/** The ends of the axis: most figures in full, so that a few far ones do not flatten them. */
const axisEnds = (points: ReadonlyArray<PlotPoint>): readonly [low: number, high: number] => {
  const sizes = points.map(({ value }) => Math.abs(value)).toSorted((a, b) => a - b)
  const usual = 1.6 * (sizes[Math.floor(0.8 * (sizes.length - 1))] ?? 0)
  const ends = points.flatMap(({ low, high }) => [low, high])
  return [Math.max(Math.min(0, ...ends), -usual), Math.min(Math.max(0, ...ends), usual)]
}

/** A panel for each arm, the best first; in each both acceptances with their 95 % intervals. A far figure is an arrow. */
export const plotChart = (points: ReadonlyArray<PlotPoint>, over: string, other: string): Chart => {
  const meanOf = (arm: string) => {
    const own = points.filter((point) => point.arm === arm && point.measure === measures[0].name)
    return own.reduce((sum, { value }) => sum + value, 0) / Math.max(1, own.length)
  }
  const arms = [...new Set(points.map(({ arm }) => arm))].toSorted((a, b) => meanOf(b) - meanOf(a))
  const places = [...new Set(points.map(({ at }) => at))].toSorted((a, b) => a - b)
  const color = {
    field: "measure",
    type: "nominal",
    scale: { domain: measures.map(({ name }) => name), range: measures.map(({ colour }) => colour) },
    legend: { orient: "bottom", title: null },
  } as const
  const x = {
    field: "at",
    type: "ordinal",
    title: over,
    scale: { domain: places },
    axis: { labelAngle: 0, grid: false, ticks: false, domain: false },
  } as const
  const xOffset = { field: "measure", scale: { domain: measures.map(({ name }) => name), paddingOuter: 0.5 } } as const
  const [low, high] = axisEnds(points)
  const room = 0.08 * (high - low)
  const scale = { domain: [low - room, high + room], nice: false }
  const y = (field: string) =>
    ({ field, type: "quantitative", scale, title: `points more than ${other}`, axis: { tickCount: 6 } }) as const
  const isFar = ({ value }: PlotPoint) => value < low || value > high
  const clamp = (number: number) => Math.min(high, Math.max(low, number))
  const isInside = "!datum.far"
  return {
    background: "white",
    padding: 12,
    data: {
      values: points.map((point) => ({
        ...point,
        far: isFar(point),
        edge: clamp(point.value),
        shape: point.value < low ? "triangle-down" : "triangle-up",
        text: signed(point.value / 100, percent),
      })),
    },
    facet: { field: "arm", type: "nominal", sort: arms, header: { labelFontSize: 12, title: null } },
    columns: 4,
    spacing: 16,
    resolve: { scale: { y: "shared" } },
    spec: {
      width: 170,
      height: 150,
      layer: [
        { mark: { type: "rule", color: faint, strokeDash: [3, 3] }, encoding: { y: { datum: 0 } } },
        {
          transform: [{ filter: isInside }],
          mark: { type: "rule", strokeWidth: 2, opacity: 0.5, clip: true },
          encoding: { x, xOffset, y: y("low"), y2: { field: "high" }, color },
        },
        {
          transform: [{ filter: isInside }],
          mark: { type: "point", filled: true, size: 40, opacity: 1 },
          encoding: { x, xOffset, y: y("value"), color },
        },
        {
          transform: [{ filter: "datum.far" }],
          mark: { type: "point", filled: true, size: 50, opacity: 1 },
          encoding: { x, xOffset, y: y("edge"), color, shape: { field: "shape", scale: null } },
        },
        // The texts of the two acceptances stand above each other.
        ...measures.map(({ name }, i) => ({
          transform: [{ filter: `datum.far && datum.measure === '${name}'` }],
          mark: { type: "text", fontSize: 9, dy: -10 - 11 * i },
          encoding: { x, xOffset, y: y("edge"), color, text: { field: "text" } },
        })),
      ],
    },
  } as unknown as Chart
}

/**
 * The picture as SVG text.
 *
 * @param runs of one experiment, or of several with the same arms
 * @error InvalidInput as `plotPoints`
 */
export const plotRuns = Effect.fnUntraced(function* (runs: ReadonlyArray<RunRecord>, over: string, other: string) {
  const points = yield* plotPoints(runs, over, other)
  return yield* Effect.promise(() => svgOf(plotChart(points, over, other)))
})
