/** Parts that the charts share: sizes, legends, axes, and figures with their intervals. */
import type { IntervalRecord } from "../../record/schema.ts"
import type { TableFigure } from "../../study/table.ts"
import { ink, type RowLook, rim } from "../colours.ts"
import { isNarrow, type PlotRow } from "../plot.ts"
import { textWidth } from "../svg.ts"

/** A picture of this width in all, labels included: the drawing takes what they leave. */
export const across = (width: number) => ({ width, autosize: { type: "fit-x", contains: "padding" } }) as const

/** Arms whose lines have room in half a row; more of them, and the legend they need, get a whole one. */
const fewArms = 8
export const sizeFor = (names: ReadonlyArray<string>): "half" | "whole" =>
  new Set(names).size > fewArms ? "whole" : "half"

/** Height of the drawing in plots that stand beside another one. */
export const halfHeight = 240

/** A legend of these names below the chart, in as many columns as its width has room for. */
export const below = (names: ReadonlyArray<string>, width: number) => {
  const values = [...new Set(names)]
  const widest = Math.max(...values.map((name) => textWidth({ text: name, fontSize: 11 })))
  const columns = Math.max(1, Math.floor((width - 50) / (widest + 34)))
  return { orient: "bottom", columns, title: null, values, labelLimit: width - 60, symbolOpacity: 1 } as const
}

/** The axis of named rows, in the given order. */
export const nameAxis = (order: ReadonlyArray<string>, width: number, labelFontSize = 12) =>
  ({
    field: "name",
    type: "nominal",
    sort: [...order],
    title: null,
    axis: {
      labelFontSize: isNarrow(width) ? 11 : labelFontSize,
      ticks: false,
      domain: false,
      labelColor: ink,
      labelPadding: 10,
      labelLimit: 0.38 * width,
      grid: false,
    },
  }) as const

/** The axis of steps of a kind: draft lengths, places in a block. */
export const ordinalAxis = (field: string, title: string) =>
  ({ field, type: "ordinal", title, axis: { labelAngle: 0, grid: false, ticks: false } }) as const

/** The axis of a quantity. It begins near the lowest value unless its scale says otherwise. */
export const quantity = (
  field: string,
  title: string | null,
  axis: Readonly<Record<string, unknown>> = {},
  scale: Readonly<Record<string, unknown>> = {},
) => ({ field, type: "quantitative", scale: "type" in scale ? scale : { zero: false, ...scale }, axis, title }) as const

/** An axis of shares, in whole per cent: closer ticks would have equal labels. */
export const shares =
  (title: string, scale: Readonly<Record<string, unknown>> = {}, tickCount = 7) =>
  (field: string) =>
    quantity(field, title, { format: ".0%", tickCount, tickMinStep: 0.01 }, scale)

/** The colour of each name, with a legend if names are given. */
export const colour = (
  { domain, range }: Pick<RowLook, "domain" | "range">,
  legend?: ReturnType<typeof below>,
  field = "name",
) =>
  ({
    field,
    type: "nominal",
    scale: { domain, range },
    ...(legend === undefined ? { legend: null } : { sort: legend.values, legend }),
  }) as const

/** The legend of lines that are dashed: strokes, as dashes around a point say nothing. */
export const ofLines = (look: RowLook, legend: ReturnType<typeof below>) =>
  look.repeats ? { ...legend, symbolType: "stroke", symbolSize: 300 } : legend

/** The dashes of lines by name, if colours alone do not tell them apart; with the legend of their colours. */
export const dashes = (look: RowLook, legend: ReturnType<typeof below>) =>
  look.repeats
    ? {
        strokeDash: {
          field: "name",
          type: "nominal",
          sort: legend.values,
          scale: { domain: look.domain, range: look.dashes },
          legend,
        },
      }
    : {}

/** The shapes of points by name, if colours alone do not tell them apart; with the legend of their colours. */
export const shapes = (look: RowLook, legend: ReturnType<typeof below>) =>
  look.repeats
    ? {
        shape: {
          field: "name",
          type: "nominal",
          sort: legend.values,
          scale: { domain: look.domain, range: look.shapes },
          legend,
        },
      }
    : {}

/** A figure with all numbers that its drawing needs. */
export type Whole<T> = T & { value: number; low: number; high: number }

/** True if a figure can be drawn with its interval. */
export const isWhole = <T extends Pick<IntervalRecord, "value" | "low" | "high"> | TableFigure>(
  figure: T,
): figure is Whole<T> => figure.value !== null && figure.low != null && figure.high != null

/** The numbers of an interval as a plot's data has them. */
export const ends = ({ value, low, high, seeds }: Omit<IntervalRecord, "errors" | "cut" | "floor">): PlotRow => ({
  value,
  low,
  high,
  seeds,
})

/**
 * Figures with their intervals: a line from `low` to `high`, a filled point at `value`.
 *
 * @param options.along the axis of the figures
 * @param options.of their axis by field
 * @param options.encoding the other encodings: the other axis, colour
 */
export const intervals = (options: {
  readonly along: "x" | "y"
  readonly of: (field: string) => object
  readonly encoding: object
  readonly size?: number
  readonly rim?: boolean
  /** The shapes of points. */
  readonly points?: object
}) => {
  const { along, of, encoding, size = 44, points = {} } = options
  return [
    {
      mark: { type: "rule", strokeWidth: 2, opacity: 0.45 },
      encoding: { ...encoding, [along]: of("low"), [`${along}2`]: { field: "high" } },
    },
    {
      mark: {
        type: "point",
        filled: true,
        size,
        opacity: 1,
        ...(options.rim === true && { stroke: rim, strokeWidth: 1 }),
      },
      encoding: { ...encoding, ...points, [along]: of("value") },
    },
  ]
}
