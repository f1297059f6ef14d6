/** A comparison of two runs, for the terminal. */
import { wrap } from "../table/align.ts"
import { writeInterval, writeNumber } from "../table/cells.ts"
import { fitText } from "../table/fit.ts"
import type { Comparison, FigurePair, SameData } from "./compare.ts"
import { type Changed, writeLeaf } from "./leaves.ts"
import type { WrittenRun } from "./read-run.ts"
import { runTitle } from "./show.ts"

const changesTable = (
  title: string,
  changes: ReadonlyArray<Changed>,
  columns: number | undefined,
): ReadonlyArray<string> =>
  changes.length === 0
    ? [`${title}: none.`, ""]
    : [
        `${title}:`,
        fitText(
          [["path", "A", "B"], ...changes.map(({ path, a, b }) => [path, writeLeaf(a), writeLeaf(b)])],
          new Set([0, 1, 2]),
          columns,
          { drop: [], least: (column) => (column === 0 ? 36 : 14), inside: new Set([0]) },
        ),
        "",
      ]

const dataLine = ({ prompts, rollouts, reasons }: SameData, a: WrittenRun, b: WrittenRun): string => {
  const of = ({ data: { dataset, prompts } }: WrittenRun) => `${prompts} of ${dataset}`
  const which = {
    same: `the same prompts (${of(a)})`,
    prefix: `A on ${of(a)}, B on ${of(b)}: the first of the same, so not the same prompts`,
    other: `not the same prompts (A: ${of(a)}, B: ${of(b)}; they differ by ${reasons.join(", ")}): figures are not of one text`,
  }[prompts]
  if (rollouts === undefined) return `Measured on ${which}.`
  const texts = rollouts
    ? "The target's texts are the same artifacts."
    : "The target's texts are other artifacts: another target, other settings or other code made them."
  return `Measured on ${which}. ${texts}`
}

const figureRow = ({ row, column, a, b, difference, apart }: FigurePair): ReadonlyArray<string> => {
  const sign = difference !== null && difference >= 0 ? "+" : ""
  const unit = column.unit === "%" ? " points" : ""
  const change = difference === null ? "-" : `${sign}${writeNumber(difference, column)}${unit}`
  return [row, column.name, writeInterval(a, column), writeInterval(b, column), change, apart ? "*" : ""]
}

/** The figures of one table in both runs. A narrow terminal leaves out the difference, which both figures show. */
const figuresText = (
  table: string,
  figures: ReadonlyArray<FigurePair>,
  columns: number | undefined,
): ReadonlyArray<string> => [
  `${table}:`,
  fitText([["row", "measure", "A", "B", "B - A", ""], ...figures.map(figureRow)], new Set([0, 1, 5]), columns, {
    drop: [4],
    least: () => 10,
  }),
  "",
]

/** The whole text of `runs compare`. @param columns of the terminal: tables take no more, and are whole if it is left out */
export const renderComparison = (comparison: Comparison, a: WrittenRun, b: WrittenRun, columns?: number): string => {
  const width = columns ?? Number.POSITIVE_INFINITY
  const { config, madeBy, data, figures, onlyInA, onlyInB } = comparison
  const only = [
    ...(onlyInA.length === 0 ? [] : [`Only in A: ${onlyInA.join(", ")}.`]),
    ...(onlyInB.length === 0 ? [] : [`Only in B: ${onlyInB.join(", ")}.`]),
  ]
  return [
    `A  ${runTitle(a)}`,
    `B  ${runTitle(b)}`,
    "",
    ...changesTable("Settings that differ", config, columns),
    ...changesTable("Code and machine that differ", madeBy, columns),
    wrap(dataLine(data, a, b), width),
    "",
    ...[...Map.groupBy(figures, ({ table }) => table)].flatMap(([table, of]) => figuresText(table, of, columns)),
    ...(figures.length === 0 ? ["The runs have no figure in common.", ""] : []),
    ...(figures.some(({ a, b }) => a.seeds === 2 || b.seeds === 2) ? ["Two seeds: no comparison, no interval."] : []),
    wrap(
      "* the two intervals do not overlap. Runs are compared unpaired; rows of one run, paired, are in its own tables.",
      width,
    ),
    ...only.map((line) => wrap(line, width)),
  ].join("\n")
}
