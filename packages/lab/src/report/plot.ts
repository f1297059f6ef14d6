/** A plot: its words, the numbers behind it, and its drawing at any width. */
import type { Chart } from "./svg.ts"

/** One observation of a plot, by column. */
export type PlotRow = Readonly<Record<string, string | number | null>>

export interface Plot {
  /** Lower-case words with hyphens; unique in a report, and the name of its files. */
  readonly name: string
  readonly title: string
  /** A sentence or a few: how the drawing is to be read. */
  readonly caption: string
  /** `half` stands beside another plot where there is room. */
  readonly size: "whole" | "half"
  /** All that is drawn, and what was cut from it, unrounded. */
  readonly data: ReadonlyArray<PlotRow>
  /** @param width of the whole picture in pixels, labels included */
  readonly draw: (width: number) => Chart
}

/** Widths of pictures in pixels: of a row of a page, of half a row, of a phone's screen. */
export const widths = { whole: 900, half: 436, narrow: 350 } as const

/** True of a width at which names stand above what they name. */
export const isNarrow = (width: number): boolean => width < 400
