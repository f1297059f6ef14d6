/** A comparison of two runs, for the terminal. */
import { align } from "../table/align.ts"
import type { Comparison, FigurePair, SameData } from "./compare.ts"
import { measures, writeInterval } from "./figures.ts"
import { type Changed, writeLeaf } from "./leaves.ts"
import type { WrittenRun } from "./read-run.ts"
import { runTitle } from "./show.ts"

const changesTable = (title: string, changes: ReadonlyArray<Changed>): ReadonlyArray<string> =>
  changes.length === 0
    ? [`${title}: none.`, ""]
    : [
        `${title}:`,
        align(
          [["path", "A", "B"], ...changes.map(({ path, a, b }) => [path, writeLeaf(a), writeLeaf(b)])],
          new Set([0, 1, 2]),
        ),
        "",
      ]

const dataLine = ({ prompts, rollouts, reasons }: SameData, a: WrittenRun, b: WrittenRun): string => {
  const of = ({ conditions: { dataset, prompts } }: WrittenRun) => `${prompts} of ${dataset}`
  const which = {
    same: `the same prompts (${of(a)})`,
    prefix: `A on ${of(a)}, B on ${of(b)}: the first of the same, so not the same prompts`,
    other: `not the same prompts (A: ${of(a)}, B: ${of(b)}; they differ by ${reasons.join(", ")}): figures are not of one text`,
  }[prompts]
  const texts = rollouts
    ? "The target's texts are the same artifacts."
    : "The target's texts are other artifacts: another target, other settings or other code made them."
  return `Measured on ${which}. ${texts}`
}

const figureRow = ({ arm, measure, a, b, difference, apart }: FigurePair): ReadonlyArray<string> => {
  const { name, write } = measures.find(({ key }) => key === measure)!
  const sign = difference !== null && difference >= 0 ? "+" : ""
  const change = difference === null ? "-" : `${sign}${write(difference).replace(" %", " points")}`
  return [arm, name, writeInterval(a, write), writeInterval(b, write), change, apart ? "*" : ""]
}

/** The whole of what `runs compare` prints. */
export const renderComparison = (comparison: Comparison, a: WrittenRun, b: WrittenRun): string => {
  const { config, madeBy, data, figures, armsOfA, armsOfB } = comparison
  const only = [
    ...(armsOfA.length === 0 ? [] : [`Only in A: ${armsOfA.join(", ")}.`]),
    ...(armsOfB.length === 0 ? [] : [`Only in B: ${armsOfB.join(", ")}.`]),
  ]
  return [
    `A  ${runTitle(a)}`,
    `B  ${runTitle(b)}`,
    "",
    ...changesTable("Settings that differ", config),
    ...changesTable("Code and machine that differ", madeBy),
    dataLine(data, a, b),
    "",
    align([["arm", "measure", "A", "B", "B - A", ""], ...figures.map(figureRow)], new Set([0, 1, 5])),
    "",
    ...(figures.some(({ a, b }) => a.seeds === 2 || b.seeds === 2) ? ["Two seeds: no comparison, no interval."] : []),
    "* the two intervals do not overlap. Runs are compared unpaired; arms of one run, paired, are in its own table.",
    ...only,
  ].join("\n")
}
