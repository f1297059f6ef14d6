/** Parts that the charts share: sizes, legends, axes, and figures with their intervals. */
import type { IntervalRecord } from "../../record/schema.ts"
import type { TableFigure } from "../../study/table.ts"

/** Pixels of a chart that has a row to itself. */
export const wide = 880
/** Size of charts that stand two in a row; the legend is below, so that all have one width. */
export const half = { width: 365, height: 240 } as const

/** A legend of these names below the chart. */
export const below = (names: ReadonlyArray<string>, columns = 3) =>
  ({ orient: "bottom", columns, title: null, values: [...new Set(names)] }) as const

/** The axis of named rows, in the given order. */
export const nameAxis = (order: ReadonlyArray<string>, labelFontSize = 12) =>
  ({
    field: "name",
    type: "nominal",
    sort: [...order],
    title: null,
    axis: {
      labelFontSize,
      ticks: false,
      domain: false,
      labelColor: "#1f2933",
      labelPadding: 10,
      labelLimit: 320,
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

/** An axis of shares, in per cent. */
export const shares =
  (title: string, scale: Readonly<Record<string, unknown>> = {}) =>
  (field: string) =>
    quantity(field, title, { format: ".0%", tickCount: 7 }, scale)

/** The colour of each name, with a legend if names are given. */
export const colour = (
  scale: { readonly domain: ReadonlyArray<string>; readonly range: ReadonlyArray<string> },
  names?: ReadonlyArray<string>,
  field = "name",
) =>
  ({
    field,
    type: "nominal",
    scale,
    ...(names === undefined ? { legend: null } : { sort: names, legend: below(names, 2) }),
  }) as const

/** A figure with all numbers that its drawing needs. */
export type Whole<T> = T & { value: number; low: number; high: number }

/** True if a figure can be drawn with its interval. */
export const isWhole = <T extends Pick<IntervalRecord, "value" | "low" | "high"> | TableFigure>(
  figure: T,
): figure is Whole<T> => figure.value !== null && figure.low != null && figure.high != null

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
}) => {
  const { along, of, encoding, size = 44, rim = false } = options
  return [
    {
      mark: { type: "rule", strokeWidth: 2, opacity: 0.45 },
      encoding: { ...encoding, [along]: of("low"), [`${along}2`]: { field: "high" } },
    },
    {
      mark: { type: "point", filled: true, size, opacity: 1, ...(rim && { stroke: "white", strokeWidth: 1 }) },
      encoding: { ...encoding, [along]: of("value") },
    },
  ]
}
