/** Parts that the charts share: sizes, legends and axes of names. */
import type { IntervalRecord } from "../../record/schema.ts"

/** Pixels of a chart that has a row to itself. */
export const wide = 880
/** Charts that stand two in a row; the legend is below, so that all have one width. */
export const half = { width: 365, height: 240 } as const

/** A legend of these names below the chart. */
export const below = (names: ReadonlyArray<string>, columns = 3) =>
  ({ orient: "bottom", columns, title: null, values: [...new Set(names)] }) as const

/** The axis of rows with a name each, in the order given. */
export const nameAxis = (order: ReadonlyArray<string>) =>
  ({
    field: "name",
    type: "nominal",
    sort: [...order],
    title: null,
    axis: {
      labelFontSize: 12,
      ticks: false,
      domain: false,
      labelColor: "#1f2933",
      labelPadding: 10,
      labelLimit: 320,
      grid: false,
    },
  }) as const

/** True if a figure can be drawn with its interval. */
export const isWhole = <T extends Pick<IntervalRecord, "value" | "low" | "high">>(
  figure: T,
): figure is T & { value: number; low: number; high: number } =>
  figure.value !== null && figure.low !== null && figure.high !== null

/** An axis of acceptances that begins near the lowest. */
export const acceptanceScale = { zero: false, nice: true } as const
