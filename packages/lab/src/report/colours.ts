/** A colour for each arm, the same in every chart: Okabe and Ito's set, which colour-blind readers can tell apart. */
import { armsOf } from "../record/comparisons.ts"
import type { RowRecord } from "../record/schema.ts"

const colours = ["#3b4754", "#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31"]

/** Colours of the rows that are no arms: start, reference and capacity, for comparison. */
export const faint = "#9aa5b1"
export const ink = "#1f2933"

/** The scale of a chart by name: arms in their order, then start, reference and capacity. */
export const rowColours = (run: { readonly rows: ReadonlyArray<Pick<RowRecord, "name" | "role">> }) => {
  const arms = armsOf(run).map(({ name }) => name)
  const others = run.rows.map(({ name }) => name).filter((name) => !arms.includes(name))
  return {
    domain: [...arms, ...others],
    range: [...arms.map((_, i) => colours[i % colours.length]!), ...others.map(() => faint)],
  }
}
