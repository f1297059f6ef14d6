/** Colours of charts: one for each arm, the same in every chart, and their likeness on a dark page. */
import { armsOf } from "../record/comparisons.ts"
import type { RowRecord } from "../record/schema.ts"

/** Okabe and Ito's set, which colour-blind readers can tell apart. */
const colours = ["#3b4754", "#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31"]

/** Colours of the rows that are no arms: start, reference and capacity, for comparison. */
export const faint = "#9aa5b1"
export const ink = "#1f2933"
/** Labels of axes, and the line at 0. */
export const label = "#67737f"
/** Lines of axes, and the grid. */
export const line = "#cbd2d9"
export const grid = "#eef1f4"
/** The background of differences that are called level. */
export const band = "#e6ebf0"
/** The rim of points: the page's own colour. */
export const rim = "#ffffff"

/** Each colour that is too dark, or too light, for a dark page, with the one that stands for it there. */
export const onDark: Readonly<Record<string, string>> = {
  [ink]: "#e4e8ec",
  [faint]: "#77838f",
  [label]: "#9aa5b1",
  [line]: "#4a545f",
  [grid]: "#262d35",
  [band]: "#2a323b",
  [rim]: "#14181d",
  "#3b4754": "#ccd3da",
  "#d55e00": "#ee6a35",
  "#0072b2": "#3f8fdc",
  "#009e73": "#2dbf95",
  "#e69f00": "#f6c244",
  "#56b4e9": "#6bd3ff",
  "#8c6d31": "#a8854a",
}

/** Dashes and shapes of the second and the third row of one colour. */
const dashes = [
  [1, 0],
  [6, 3],
  [2, 2],
]
const shapes = ["circle", "square", "diamond"]

export interface RowLook {
  readonly domain: ReadonlyArray<string>
  readonly range: ReadonlyArray<string>
  readonly dashes: ReadonlyArray<ReadonlyArray<number>>
  readonly shapes: ReadonlyArray<string>
  /** True if two arms have one colour, so that dashes and shapes tell them apart. */
  readonly repeats: boolean
}

/** The look of each row by name: arms in their order, then start, reference and capacity. */
export const rowColours = (run: { readonly rows: ReadonlyArray<Pick<RowRecord, "name" | "role">> }): RowLook => {
  const arms = armsOf(run).map(({ name }) => name)
  const others = run.rows.map(({ name }) => name).filter((name) => !arms.includes(name))
  const cycle = (i: number) => Math.floor(i / colours.length) % dashes.length
  return {
    domain: [...arms, ...others],
    range: [...arms.map((_, i) => colours[i % colours.length]!), ...others.map(() => faint)],
    dashes: [...arms.map((_, i) => dashes[cycle(i)]!), ...others.map((_, i) => dashes[i % dashes.length]!)],
    shapes: [...arms.map((_, i) => shapes[cycle(i)]!), ...others.map(() => shapes[0]!)],
    repeats: arms.length > colours.length,
  }
}
