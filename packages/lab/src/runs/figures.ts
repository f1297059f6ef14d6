/** How figures of runs are written in lists and comparisons: with their interval, if they have one to be compared by. */
import type { WrittenInterval } from "./read-run.ts"

/** A measure of a row, as lists and comparisons write it. */
export interface Measure {
  readonly key: "greedyAcceptance" | "expectedAcceptance" | "tau" | "draftKl"
  readonly name: string
  readonly write: (value: number) => string
}

const percent = (value: number): string => `${(100 * value).toFixed(1)} %`

/** The figures that runs are compared by. */
export const measures: ReadonlyArray<Measure> = [
  { key: "greedyAcceptance", name: "greedy acceptance", write: percent },
  { key: "expectedAcceptance", name: "expected acceptance", write: percent },
  { key: "tau", name: "tau", write: (value) => value.toFixed(2) },
  { key: "draftKl", name: "draft KL", write: (value) => value.toFixed(3) },
]

/** "83.4 % [81.1, 85.7]": the unit once. "-" where there is no figure; of two seeds the value alone, as nothing is compared by it. */
export const writeInterval = ({ value, low, high, seeds }: WrittenInterval, write: Measure["write"]): string => {
  if (value === null) return "-"
  if (seeds === 2) return write(value)
  const end = (x: number | null) => (x === null ? "-" : write(x).replace(" %", ""))
  return `${write(value)} [${end(low)}, ${end(high)}]`
}
