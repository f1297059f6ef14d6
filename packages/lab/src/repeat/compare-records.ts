/**
 * Compares a run's record with the record of its repeat.
 *
 * The same code on the same machine gives the same figures to the last digit. Another processor, another variant of the
 * native library or another version rounds differently, and training is chaotic: figures are then compared with the
 * intervals that both records have of them.
 */

import { isNode } from "../experiment/registry.ts"
import type { FigurePair } from "../runs/compare.ts"
import { costPairs, figurePairs, tablesOfBoth } from "../runs/compare.ts"
import { type Leaf, leavesOf, sameLeaf } from "../runs/leaves.ts"
import type { WrittenRun } from "../runs/read-run.ts"
import { writeInterval, writeNumber } from "../table/cells.ts"
import { unlikeness } from "./likeness.ts"

/** The last loss of each training stage, by its label: the part of metrics.jsonl that counts. */
export type FinalLosses = ReadonlyArray<{ readonly label: string; readonly loss: number }>

/** A record and its neighbouring files. */
export interface Repeatable {
  readonly written: WrittenRun
  /** The whole document of run.json. */
  readonly document: Readonly<Record<string, unknown>>
  /** Null if the run has no metrics.jsonl. */
  readonly finalLosses: FinalLosses | null
}

/** One figure or setting that differs. */
export interface Deviation {
  readonly path: string
  /** The text for people: all digits where each counts, the interval where that decides. */
  readonly recorded: string
  readonly repeated: string
  readonly within: boolean
}

export interface Repeated {
  readonly reproduced: boolean
  /** True if all had to be equal to the last digit. */
  readonly exact: boolean
  /** The reasons why they need not be equal: other code, another machine. */
  readonly unlike: ReadonlyArray<string>
  /** Number of compared figures and settings, and of equal ones. */
  readonly compared: number
  readonly equal: number
  /** All figures that differ; those out of tolerance come first. */
  readonly deviations: ReadonlyArray<Deviation>
}

/** Fields that describe a record's origin or repeat its figures in words. */
const aside = new Set([
  ...["run", "experiment", "commit", "versions", "machine", "stages", "schema", "created"],
  ...["conclusions", "verdict", "about", "primary", "counts"],
])

/** Fields that a clock or a person decides, at any depth: messages may name a folder. */
const clocked = /(^|\.)(seconds|timing|speedup\w*|secondsPerCall|tokensPerSecond)\b|(^|\.)missing\[.*\.message$/

/** Tables without the columns of a clock. */
const withoutClock = ({ tables }: WrittenRun) =>
  tables.map((table) => {
    const columns = table.columns.filter(({ clock }) => !clock)
    const rows = table.rows.map(({ cells, ...row }) => ({
      ...row,
      cells: Object.fromEntries(columns.flatMap(({ key }) => (Object.hasOwn(cells, key) ? [[key, cells[key]]] : []))),
    }))
    return { ...table, columns, rows }
  })

/** Every figure and setting of a record by its path; the tables where they are the record's only figures. */
const figuresOf = ({ document, written, finalLosses }: Repeatable, losses: boolean): ReadonlyMap<string, Leaf> => {
  const without = (of: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(Object.entries(of).filter(([key]) => !aside.has(key)))
  // A study's record contains that of its drafts, with a separate header.
  const { drafts, ...rest } = without(document)
  const kept = { ...rest, ...(isNode(drafts) ? { drafts: without(drafts) } : {}) }
  const tables = Object.hasOwn(document, "tables") ? { tables: withoutClock(written) } : {}
  const leaves = leavesOf({ ...kept, ...tables, ...(losses ? { finalLosses } : {}) })
  return new Map([...leaves].filter(([path]) => !clocked.test(path)))
}

const writeLeaf = (leaf: Leaf | undefined): string =>
  leaf === undefined ? "-" : typeof leaf === "string" ? leaf : JSON.stringify(leaf)

/** Compares leaf by leaf; leaves that differ are out of tolerance. */
const comparedLeaves = (a: ReadonlyMap<string, Leaf>, b: ReadonlyMap<string, Leaf>) => {
  const paths = [...new Set([...a.keys(), ...b.keys()])]
  const deviations = paths
    .filter((path) => !sameLeaf(a.get(path), b.get(path)))
    .map((path): Deviation => {
      const [recorded, repeated] = [writeLeaf(a.get(path)), writeLeaf(b.get(path))]
      return { path, recorded, repeated, within: false }
    })
  return { compared: paths.length, deviations }
}

/**
 * The largest relative difference of a cost: a filter that compares losses may keep one token more or less in a batch.
 */
const costTolerance = 0.01

/** The rows and figures of all tables that both records have, each compared with the other's interval. */
const comparedTables = (a: WrittenRun, b: WrittenRun) => {
  const both = tablesOfBoth(a, b)
  const pathOf = ({ table, row, column }: Pick<FigurePair, "table" | "row" | "column">) =>
    `${table}[${row}].${column.key}`
  const figures = both.flatMap(([ofA, ofB]) => figurePairs(ofA, ofB))
  const costs = both.flatMap(([ofA, ofB]) => costPairs(ofA, ofB))
  const ofFigures = figures.map((pair) => {
    const [recorded, repeated] = [writeInterval(pair.a, pair.column), writeInterval(pair.b, pair.column)]
    const within = pair.difference !== null && !pair.beyond
    return { path: pathOf(pair), recorded, repeated, within, equal: pair.difference === 0 }
  })
  const ofCosts = costs.map((pair) => {
    const [x, y] = [pair.a.value, pair.b.value]
    const write = (value: number | null) => (value === null ? "-" : writeNumber(value, pair.column))
    const within = x !== null && y !== null && Math.abs(x - y) <= costTolerance * Math.abs(x)
    return { path: pathOf(pair), recorded: write(x), repeated: write(y), within, equal: x === y }
  })
  const rows = both.flatMap(([ofA, ofB]) => {
    const [namesA, namesB] = [ofA, ofB].map(({ rows }) => rows.map(({ name }) => name)) as [string[], string[]]
    return [...new Set([...namesA, ...namesB])]
      .filter((name) => !(namesA.includes(name) && namesB.includes(name)))
      .map((name) => ({
        path: `${ofA.name}[${name}]`,
        recorded: namesA.includes(name) ? "there" : "-",
        repeated: namesB.includes(name) ? "there" : "-",
        within: false,
        equal: false,
      }))
  })
  const all = [...rows, ...ofFigures, ...ofCosts]
  const deviations = all.filter(({ equal }) => !equal).map(({ equal: _, ...deviation }): Deviation => deviation)
  return { compared: all.length, deviations }
}

/** Compares the record of a run with that of its repeat. */
export const compareRecords = (recorded: Repeatable, repeated: Repeatable): Repeated => {
  const unlike = unlikeness(recorded.written, repeated.written)
  const exact = unlike.length === 0
  const losses = recorded.finalLosses !== null && repeated.finalLosses !== null
  const settings = ({ written: { config, seeds, data } }: Repeatable) => leavesOf({ config, seeds, data })
  const parts = exact
    ? [comparedLeaves(figuresOf(recorded, losses), figuresOf(repeated, losses))]
    : [comparedLeaves(settings(recorded), settings(repeated)), comparedTables(recorded.written, repeated.written)]
  const deviations = parts.flatMap((part) => part.deviations)
  const compared = parts.reduce((sum, part) => sum + part.compared, 0)
  return {
    reproduced: deviations.every(({ within }) => within),
    exact,
    unlike,
    compared,
    equal: compared - deviations.length,
    deviations: deviations.toSorted((x, y) => Number(x.within) - Number(y.within)),
  }
}
