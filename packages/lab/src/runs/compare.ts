/** Compares two runs: settings, code and machine, data, and figures. */
import type { StudyTable, TableColumn, TableFigure, TableRow } from "../study/table.ts"
import { type Changed, changedLeaves } from "./leaves.ts"
import type { WrittenRun } from "./read-run.ts"

/** One figure of one row in both runs. */
export interface FigurePair {
  readonly table: string
  readonly row: string
  readonly column: TableColumn
  readonly a: TableFigure
  readonly b: TableFigure
  /** b - a; null if either has no figure. */
  readonly difference: number | null
  /** True if the intervals do not overlap. */
  readonly beyond: boolean
  /** True if the intervals do not overlap and neither is of two seeds: a difference that counts as a finding. */
  readonly apart: boolean
}

/** The data that the figures of two runs were measured on: equal or not. */
export interface SameData {
  /** "same" prompts; the first of the other's ("prefix"); or others. */
  readonly prompts: "same" | "prefix" | "other"
  /** True if the target wrote the same texts, greedy and sampled, according to the stages' keys; undefined if neither run has any. */
  readonly rollouts: boolean | undefined
  /** Paths of the config that change the prompts. */
  readonly reasons: ReadonlyArray<string>
}

export interface Comparison {
  readonly config: ReadonlyArray<Changed>
  /** Differences in commit, versions.* and machine.*. */
  readonly madeBy: ReadonlyArray<Changed>
  readonly data: SameData
  readonly figures: ReadonlyArray<FigurePair>
  /** Rows that only one of the runs has, in the tables of both. */
  readonly onlyInA: ReadonlyArray<string>
  readonly onlyInB: ReadonlyArray<string>
}

const nothing: TableFigure = { value: null }

const areBeyond = (a: TableFigure, b: TableFigure): boolean =>
  a.low != null && a.high != null && b.low != null && b.high != null && (a.low > b.high || b.low > a.high)

/** Settings that choose the prompts and their number; `maxLength` drops prompts that are longer, in tokens. */
const decidesPrompts = (path: string): boolean =>
  path === "maxLength" || /^(task|tokenizer)(\.|$)/.test(path) || path === "measure.split"

const sameData = (a: WrittenRun, b: WrittenRun, config: ReadonlyArray<Changed>): SameData => {
  const reasons = config.filter(({ path }) => decidesPrompts(path)).map(({ path }) => path)
  const keys = (run: WrittenRun) => run.stages.flatMap(({ kind, key }) => (kind === "rollouts" ? [key] : []))
  const [ofA, ofB] = [keys(a), keys(b)]
  const hasNone = ofA.length === 0 && ofB.length === 0
  const rollouts = hasNone ? undefined : ofA.length === ofB.length && ofA.every((key) => ofB.includes(key))
  if (reasons.length > 0) return { prompts: "other", rollouts, reasons }
  return { prompts: a.data.prompts === b.data.prompts ? "same" : "prefix", rollouts, reasons }
}

/** The figure of a cell; undefined for words and for a missing cell. */
const figureAt = ({ cells }: TableRow, { key }: TableColumn): TableFigure => {
  const cell = cells[key]
  return typeof cell === "object" && cell !== null ? cell : nothing
}

/** Tables of one name in both runs. */
export const tablesOfBoth = (a: WrittenRun, b: WrittenRun): ReadonlyArray<readonly [a: StudyTable, b: StudyTable]> =>
  a.tables.flatMap((table) => {
    const other = b.tables.find(({ name }) => name === table.name)
    return other === undefined ? [] : [[table, other] as const]
  })

/** One column of a row that both tables have. */
const pairsOf = (a: StudyTable, b: StudyTable, of: (column: TableColumn) => boolean): ReadonlyArray<FigurePair> =>
  a.rows.flatMap((row) => {
    const other = b.rows.find(({ name }) => name === row.name)
    if (other === undefined) return []
    return a.columns.filter(of).flatMap((column): ReadonlyArray<FigurePair> => {
      const [ofA, ofB] = [figureAt(row, column), figureAt(other, column)]
      if (ofA.value === null && ofB.value === null) return []
      const difference = ofA.value === null || ofB.value === null ? null : ofB.value - ofA.value
      const beyond = areBeyond(ofA, ofB)
      const apart = beyond && ofA.seeds !== 2 && ofB.seeds !== 2
      return [{ table: a.name, row: row.name, column, a: ofA, b: ofB, difference, beyond, apart }]
    })
  })

/** The measured figures of two tables, without figures of a clock. */
export const figurePairs = (a: StudyTable, b: StudyTable): ReadonlyArray<FigurePair> =>
  pairsOf(a, b, ({ kind, clock }) => kind === "figure" && !clock)

/** The costs of two tables, without costs of a clock. */
export const costPairs = (a: StudyTable, b: StudyTable): ReadonlyArray<FigurePair> =>
  pairsOf(a, b, ({ kind, clock }) => kind === "cost" && !clock)

/** Compares two runs by their records, of any version. Runs of one study have the same tables. */
export const compareRuns = (a: WrittenRun, b: WrittenRun): Comparison => {
  const config = changedLeaves(a.config, b.config, { wholeLists: true })
  const madeBy = changedLeaves(
    { study: a.study, commit: a.commit, versions: a.versions, machine: a.machine, schema: a.schema },
    { study: b.study, commit: b.commit, versions: b.versions, machine: b.machine, schema: b.schema },
  )
  const both = tablesOfBoth(a, b)
  const rowsOnlyIn = (tables: ReadonlyArray<readonly [StudyTable, StudyTable]>) => [
    ...new Set(
      tables.flatMap(([own, other]) =>
        own.rows.map(({ name }) => name).filter((name) => !other.rows.some((row) => row.name === name)),
      ),
    ),
  ]
  return {
    config,
    madeBy,
    data: sameData(a, b, config),
    figures: both.flatMap(([ofA, ofB]) => figurePairs(ofA, ofB)),
    onlyInA: rowsOnlyIn(both),
    onlyInB: rowsOnlyIn(both.map(([ofA, ofB]) => [ofB, ofA])),
  }
}
