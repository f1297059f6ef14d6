/** A forest plot: differences with their intervals around 0. */
import {
  type ArmsRun,
  atLevel,
  type Compared,
  comparisonsOf,
  countOf,
  isCompared,
  isShown,
  levelMargin,
  mainArm,
  meanTotal,
  standingOf,
} from "../../record/comparisons.ts"
import { nats, percent, signed } from "../../table/format.ts"
import { band, faint, ink, label, rim } from "../colours.ts"
import { isNarrow, type Plot } from "../plot.ts"
import { type Chart, textWidth } from "../svg.ts"
import { isWhole, nameAxis } from "./layout.ts"

/** "2.1 x FLOPs": what the first arm cost of the second. */
const costText = (ratio: number): string =>
  Math.abs(Math.log(ratio)) < Math.log(1.03) ? "same compute" : `${ratio.toPrecision(2)} x FLOPs`

/**
 * One difference, with all numbers that are drawn of it; shares as they are, the axis writes points.
 *
 * @param level of the wider interval
 */
export const differenceRow = ({ over, under, difference }: Compared, name: string, run: ArmsRun, level: number) => {
  const { value, low, high, of } = difference
  const scale = of.unit === "%" ? percent : nats
  const wider = atLevel(difference, run.prompts, level)
  const ratio = meanTotal(over, "flops") / meanTotal(under, "flops")
  const standing = standingOf(difference, run.prompts)
  return {
    name,
    over: over.name,
    under: under.name,
    value: value!,
    low: low!,
    high: high!,
    lowAll: wider?.low ?? low!,
    highAll: wider?.high ?? high!,
    shown: isShown(difference) ? "yes" : "no",
    text: `${signed(value!, scale)}  [${signed(low!, scale)}, ${signed(high!, scale)}]`,
    standing: standing === "open" || standing === undefined ? "" : standing,
    ratio,
    cost: costText(ratio),
  }
}
export type ForestRow = ReturnType<typeof differenceRow>

/** True of a comparison that gives a conclusion, and so is drawn. */
export const isDrawn = ({ difference }: Compared): boolean => isWhole(difference) && isCompared(difference)

/** Rows under a title. */
export interface ForestPanel {
  readonly title: string
  readonly rows: ReadonlyArray<Omit<ForestRow, "cost" | "standing" | "ratio" | "over" | "under"> & Partial<ForestRow>>
}

/** The domain of the differences: that of the 95 % intervals and 0, cut at what a difference can be. */
export const forestDomain = (
  panels: ReadonlyArray<ForestPanel>,
  unit: string,
): readonly [low: number, high: number] => {
  const rows = panels.flatMap((panel) => panel.rows)
  const [low, high] = [Math.min(0, ...rows.map((r) => r.low)), Math.max(0, ...rows.map((r) => r.high))]
  const room = 0.06 * (high - low)
  return unit === "%" ? [Math.max(-1, low - room), Math.min(1, high + room)] : [low - room, high + room]
}

/** The rows as they are drawn: ends beyond the domain are cut there, with an arrow. */
const cutAt = (rows: ForestPanel["rows"], [least, most]: readonly [number, number]) =>
  rows.map((row) => {
    const within = (x: number) => Math.min(most, Math.max(least, x))
    const { low, high, lowAll, highAll } = row
    return {
      ...row,
      ...{ low: within(low), high: within(high), lowAll: within(lowAll), highAll: within(highAll) },
      ...{ goesLeft: lowAll < least, goesRight: highAll > most, least, most },
    }
  })

/**
 * The drawing of panels of differences on one scale: thick the 95 % interval, thin the one that is widened so that all
 * hold together, with an arrow where it goes on; dark where 0 is outside of the 95 % one; grey the range of level
 * differences.
 *
 * @param of the measure's name and unit
 * @param bold the name of the row that the verdict is of
 */
export const forestChart = (
  panels: ReadonlyArray<ForestPanel>,
  of: { readonly name: string; readonly unit: string },
  width: number,
  bold?: string,
): Chart => {
  const narrow = isNarrow(width)
  const domain = forestDomain(panels, of.unit)
  const rows = panels.flatMap((panel) => panel.rows)
  const color = {
    field: "shown",
    type: "nominal",
    scale: { domain: ["yes", "no"], range: [ink, label] },
    legend: null,
  } as const
  const labelExpr =
    of.unit === "%" ? "datum.value === 0 ? '0' : format(datum.value * 100, '+.2~f')" : "format(datum.value, '+.3~f')"
  const widest = (texts: ReadonlyArray<string | undefined>, fontSize: number) =>
    Math.max(0, ...texts.map((text) => textWidth({ text: text ?? "", fontSize })))
  const names = Math.min(
    0.3 * width,
    16 +
      widest(
        rows.map((r) => r.name),
        12,
      ) *
        1.06,
  )
  const columns = [
    {
      field: "text",
      size:
        14 +
        widest(
          rows.map((r) => r.text),
          11,
        ),
      align: "right",
    },
    {
      field: "standing",
      size:
        12 +
        widest(
          rows.map((r) => r.standing),
          11,
        ),
      align: "left",
    },
    {
      field: "cost",
      size:
        14 +
        widest(
          rows.map((r) => r.cost),
          11,
        ),
      align: "right",
    },
  ].filter(({ size }) => size > 14)
  const beside = narrow ? 0 : columns.reduce((sum, { size }) => sum + size, 0)
  const plot = narrow ? width - 16 : width - 12 - names - beside
  /** Rows of a phone have their words above the line. */
  const lower = narrow ? { yOffset: 7 } : {}
  const text = (field: string, at: number, align: string, more: object = {}) => ({
    mark: { type: "text", align, fontSize: 11, ...more },
    encoding: { x: { value: at }, text: { field }, color },
  })
  /** A rim keeps the letters apart from the line of 0 behind them. */
  const rimmed = (field: string, at: number, align: string, more: object = {}) => [
    text(field, at, align, { dy: -7, stroke: rim, strokeWidth: 5, strokeJoin: "round", ...more }),
    text(field, at, align, { dy: -7, ...more }),
  ]
  const words = narrow
    ? [...rimmed("name", 0, "left", { fontWeight: 500 }), ...rimmed("text", plot, "right")]
    : columns.map(({ field, size, align }, i) => {
        const end = columns.slice(0, i + 1).reduce((sum, column) => sum + column.size, plot)
        return text(field, align === "right" ? end : end - size + 10, align)
      })
  return {
    vconcat: panels.map(({ title, rows }, i) => {
      const x = (field: string) => ({
        field,
        type: "quantitative",
        scale: { domain, nice: false, zero: false },
        axis: { labelExpr, tickCount: narrow ? 5 : 9 },
        title: i === panels.length - 1 ? (of.unit === "%" ? `points of ${of.name}` : of.name) : null,
      })
      const arrow = (field: "goesLeft" | "goesRight") => ({
        transform: [{ filter: `datum.${field}` }],
        mark: {
          type: "point",
          filled: true,
          size: 36,
          opacity: 1,
          shape: field === "goesLeft" ? "triangle-left" : "triangle-right",
          ...lower,
        },
        encoding: { x: x(field === "goesLeft" ? "least" : "most"), color },
      })
      const y = nameAxis(
        rows.map((r) => r.name),
        width,
      )
      const labelFontWeight = {
        condition: { test: `datum.value === ${JSON.stringify(bold ?? "")}`, value: 700 },
        value: 400,
      }
      const axis = { ...y.axis, labelLimit: names - 12, minExtent: names, maxExtent: names, labelFontWeight }
      const [least, most] = [Math.max(domain[0], -levelMargin), Math.min(domain[1], levelMargin)]
      return {
        title: { text: title, ...(narrow ? {} : { frame: "bounds" }) },
        width: plot,
        height: { step: narrow ? 38 : 24 },
        data: { values: cutAt(rows, domain) },
        encoding: { y: narrow ? { ...y, axis: null } : { ...y, axis } },
        layer: [
          ...(of.unit === "%"
            ? [
                {
                  mark: { type: "rect", color: band, opacity: 0.7 },
                  data: { values: [{ least, most }] },
                  encoding: { x: x("least"), x2: { field: "most" }, y: null },
                },
              ]
            : []),
          {
            mark: { type: "rule", color: faint, strokeDash: [3, 3] },
            data: { values: [{ zero: 0 }] },
            encoding: { x: x("zero"), y: null },
          },
          {
            mark: { type: "rule", strokeWidth: 1, ...lower },
            encoding: { x: x("lowAll"), x2: { field: "highAll" }, color },
          },
          {
            mark: { type: "rule", strokeWidth: 4, opacity: 0.75, ...lower },
            encoding: { x: x("low"), x2: { field: "high" }, color },
          },
          {
            mark: { type: "point", filled: true, size: 60, opacity: 1, stroke: rim, strokeWidth: 1, ...lower },
            encoding: { x: x("value"), color },
          },
          arrow("goesLeft"),
          arrow("goesRight"),
          ...words,
        ],
      }
    }),
    spacing: 18,
  } as unknown as Chart
}

/** The panels of a run's comparisons: the arm that it is about minus each other one, then each other one minus the baseline. */
export const forestPanels = (
  run: ArmsRun,
): ReadonlyArray<{ readonly title: string; readonly rows: ReadonlyArray<ForestRow> }> => {
  const { withBaseline, ofMain } = comparisonsOf(run)
  const main = mainArm(run)?.name
  const isMain = ({ over }: Compared) => over.name === main
  const whole = (all: ReadonlyArray<Compared>) => all.filter(isDrawn)
  const first = whole([...withBaseline.filter(isMain), ...ofMain])
  const second = whole(withBaseline.filter((compared) => !isMain(compared)))
  const level = 1 - 0.05 / Math.max(1, countOf([...first, ...second]))
  return [
    { title: `${main} minus each other arm`, rows: first.map((c) => differenceRow(c, c.under.name, run, level)) },
    {
      title: `each other arm minus ${run.baseline}, the baseline`,
      rows: second.map((c) => differenceRow(c, c.over.name, run, level)),
    },
  ].filter(({ rows }) => rows.length > 0)
}

/** The data of a forest plot. */
export const forestData = (panels: ReadonlyArray<ForestPanel>, measure: string) =>
  panels.flatMap(({ rows }) =>
    rows.map(({ over, under, value, low, high, lowAll, highAll, standing, ratio }) => ({
      ...{ over: over ?? null, under: under ?? null, measure },
      ...{ value, low, high, low_all: lowAll, high_all: highAll },
      ...{ standing: standing ?? null, flops_ratio: ratio ?? null },
    })),
  )

/** Each comparison that is concluded from. Undefined without comparisons. */
export const differencesPlot = (run: ArmsRun): Plot | undefined => {
  const panels = forestPanels(run)
  if (panels.length === 0) return undefined
  const { key, name, unit } = run.concluded[0]!
  return {
    name: "differences",
    title: `Differences of ${name}`,
    caption: `Paired by seed and prompt, ${run.scope}. Thick: 95 % interval. Thin: widened so that all hold together (Bonferroni), with an arrow where it goes on. Full colour: 0 is outside of the 95 % interval.${unit === "%" ? " Grey band, level: within 2 points, by two one-sided tests." : ""} Right: what the first cost of the second, references, caches and texts counted.`,
    size: "whole",
    data: forestData(panels, key),
    draw: (width) => forestChart(panels, { name, unit }, width, run.baseline),
  }
}
