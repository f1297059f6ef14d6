/** Two runs side by side: what differs in their settings, in what made them, in their data, and in what came out. */

import { type Measure, measures } from "./figures.ts"
import { type Changed, changedLeaves } from "./leaves.ts"
import type { WrittenInterval, WrittenRun } from "./read-run.ts"

/** One measure of one arm in both runs. */
export interface FigurePair {
  readonly arm: string
  readonly measure: Measure["key"]
  readonly a: WrittenInterval
  readonly b: WrittenInterval
  /** b - a; null where either has no figure. */
  readonly difference: number | null
  /**
   * True if the intervals have nothing in common: a difference beyond what either run knows its own figure by. Never of
   * two seeds.
   */
  readonly apart: boolean
}

/** The data that the figures of two runs were measured on: equal or not. */
export interface SameData {
  /** "same" prompts; the first of the other's ("prefix"); or others. */
  readonly prompts: "same" | "prefix" | "other"
  /** True if the target wrote the same texts, as far as the stages' keys say: the greedy and the sampled ones. */
  readonly rollouts: boolean
  /** Paths of the config by which the prompts are others. */
  readonly reasons: ReadonlyArray<string>
}

export interface Comparison {
  readonly config: ReadonlyArray<Changed>
  /** commit, versions.*, machine.*: beside the settings, what the figures were made by. */
  readonly madeBy: ReadonlyArray<Changed>
  readonly data: SameData
  readonly figures: ReadonlyArray<FigurePair>
  readonly armsOfA: ReadonlyArray<string>
  readonly armsOfB: ReadonlyArray<string>
}

const nothing: WrittenInterval = { value: null, low: null, high: null }

const areApart = (a: WrittenInterval, b: WrittenInterval): boolean =>
  a.seeds !== 2 &&
  b.seeds !== 2 &&
  a.low !== null &&
  a.high !== null &&
  b.low !== null &&
  b.high !== null &&
  (a.low > b.high || b.low > a.high)

/** Settings that decide which prompts there are, and how many; `maxLength` leaves out the longer ones, in tokens. */
const decidesPrompts = (path: string): boolean =>
  path === "maxLength" || /^(task|tokenizer)(\.|$)/.test(path) || path === "measure.split"

const sameData = (a: WrittenRun, b: WrittenRun, config: ReadonlyArray<Changed>): SameData => {
  const reasons = config.filter(({ path }) => decidesPrompts(path)).map(({ path }) => path)
  const keys = (run: WrittenRun) => run.stages.flatMap(({ kind, key }) => (kind === "rollouts" ? [key] : []))
  const [ofA, ofB] = [keys(a), keys(b)]
  const rollouts = ofA.length > 0 && ofA.length === ofB.length && ofA.every((key) => ofB.includes(key))
  if (reasons.length > 0) return { prompts: "other", rollouts, reasons }
  return { prompts: a.conditions.prompts === b.conditions.prompts ? "same" : "prefix", rollouts, reasons }
}

const figurePairs = (a: WrittenRun, b: WrittenRun): ReadonlyArray<FigurePair> =>
  a.rows.flatMap((row) => {
    const other = b.rows.find(({ name }) => name === row.name)
    if (other === undefined) return []
    return measures.flatMap(({ key }): ReadonlyArray<FigurePair> => {
      if (row[key] === undefined && other[key] === undefined) return []
      const [ofA, ofB] = [row[key] ?? nothing, other[key] ?? nothing]
      const difference = ofA.value === null || ofB.value === null ? null : ofB.value - ofA.value
      return [{ arm: row.name, measure: key, a: ofA, b: ofB, difference, apart: areApart(ofA, ofB) }]
    })
  })

/** Compares two runs by their records, of whatever versions. */
export const compareRuns = (a: WrittenRun, b: WrittenRun): Comparison => {
  const config = changedLeaves(a.config, b.config, { wholeLists: true })
  const madeBy = changedLeaves(
    { commit: a.commit, versions: a.versions, machine: a.machine, schema: a.schema },
    { commit: b.commit, versions: b.versions, machine: b.machine, schema: b.schema },
  )
  const arms = (run: WrittenRun, other: WrittenRun) =>
    run.rows.map(({ name }) => name).filter((name) => !other.rows.some((row) => row.name === name))
  return {
    config,
    madeBy,
    data: sameData(a, b, config),
    figures: figurePairs(a, b),
    armsOfA: arms(a, b),
    armsOfB: arms(b, a),
  }
}
