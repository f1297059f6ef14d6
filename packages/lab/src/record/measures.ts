/** Measures by plugins in a record: for each draft its cells by seed, a table of figures with intervals, raw counts. */
import { type DataError, type MeasureInstance, type MeasureUse, usesIn } from "@winnow/core"
import { Effect } from "effect"
import type { Graph, Measured } from "../graph.ts"
import { readMeasured } from "../stages/model-measure.ts"
import { estimate } from "../statistics/interval.ts"
import { type Cells_P, pooled } from "../statistics/sample.ts"
import type { Artifact } from "../store/store.ts"
import { column, type StudyTable, type TableFigure } from "../study/table.ts"
import type { MeasuredCounts } from "./counts.ts"
import { measuresTableName } from "./measures-schema.ts"

const finite = (x: number): number | null => (Number.isFinite(x) ? x : null)

/** The pooled ratio with its interval; a share is kept within 0 and 1. */
const figureOf = (cells_SP: ReadonlyMap<number, Cells_P>, { unit }: MeasureInstance): TableFigure => {
  const { value, low, high, seeds } = estimate(pooled(cells_SP))
  const [least, most] = unit === "%" ? [0, 1] : [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  return { value: finite(value), low: finite(Math.max(least, low)), high: finite(Math.min(most, high)), seeds }
}

/**
 * Names of columns: a measure's own. Of several with one name each has the name of its task or objective behind it, and a
 * number if that does not tell them apart.
 */
export const keysOf = (measures: ReadonlyArray<MeasureUse>): ReadonlyArray<string> => {
  const numbered = (names: ReadonlyArray<string>) =>
    names.map((name, i) => {
      const before = names.slice(0, i).filter((other) => other === name).length
      return before === 0 ? name : `${name} ${before + 1}`
    })
  const shared = (name: string) => measures.filter((other) => other.name === name).length > 1
  return numbered(
    measures.map(({ name, options }) => {
      const inner = usesIn(options).find(({ kind }) => kind === "task" || kind === "objective")
      return shared(name) && inner ? `${name} ${inner.name}` : name
    }),
  )
}

/** A draft's existing sums and counts, by column and seed. */
export interface MeasuredDraft {
  readonly name: string
  readonly role: Measured["role"]
  /** Measurements of the seeds with a figure; at least one. */
  readonly measured: ReadonlyArray<Measured>
  readonly cells: ReadonlyMap<string, ReadonlyMap<number, Cells_P>>
}

/** The drafts of a run with the plugins' measurements; a draft without a figure has empty cells. */
export interface MeasuredDrafts {
  readonly keys: ReadonlyArray<string>
  readonly drafts: ReadonlyArray<MeasuredDraft>
}

/** Reads the counts of all drafts. Models whose stage failed have no cell. */
export const measuredDrafts = (
  { settled, measured }: Pick<Graph, "settled" | "measured">,
  artifacts: ReadonlyMap<string, Artifact>,
): Effect.Effect<MeasuredDrafts, DataError> =>
  Effect.gen(function* () {
    const keys = keysOf(settled.measures)
    const drafts: Array<MeasuredDraft> = []
    for (const [name, all] of Map.groupBy(measured, ({ name }) => name)) {
      const cells = new Map<string, Map<number, Cells_P>>(keys.map((key) => [key, new Map()]))
      for (const { seed, more } of all)
        for (const [i, { key }] of more.entries()) {
          const artifact = artifacts.get(key)
          if (artifact !== undefined) cells.get(keys[i]!)!.set(seed, yield* readMeasured(artifact))
        }
      const there = all.filter(({ seed }) => cells.values().some((bySeed) => bySeed.has(seed)))
      drafts.push({ name, role: all[0]!.role, measured: there, cells })
    }
    return { keys, drafts }
  })

/** The table of a run's measures. */
export const measuresTable = (
  title: string,
  { measures, settled }: Pick<Graph, "measures" | "settled">,
  { keys, drafts }: MeasuredDrafts,
): StudyTable => {
  const { split, prompts } = settled.measure
  const own = settled.measures.flatMap(({ task }, i) => (task ? [{ key: keys[i]!, task: task.name }] : []))
  return {
    name: measuresTableName,
    title,
    of: "arm",
    notes: [
      `${settled.task.name}/${split}, the first ${prompts} texts; ± is half of a 95 % interval.`,
      ...own.map(({ key, task }) => `${key}: texts of ${task}/${split}.`),
    ],
    columns: measures.map(({ better, unit }, i) =>
      column(keys[i]!, unit === "" ? keys[i]! : `${keys[i]}, ${unit}`, {
        name: keys[i]!,
        style: unit === "%" ? "percent" : "nats",
        unit,
        direction: better,
      }),
    ),
    rows: drafts.map(({ name, role, cells }) => ({
      name,
      context: role !== "arm",
      cells: Object.fromEntries(
        measures.map((instance, i) => {
          const bySeed = cells.get(keys[i]!)!
          return [keys[i]!, bySeed.size === 0 ? null : figureOf(bySeed, instance)]
        }),
      ),
    })),
  }
}

/** The raw counts behind the table, draft by draft. */
export const measuredCounts = ({ drafts }: MeasuredDrafts): ReadonlyArray<MeasuredCounts> =>
  drafts.flatMap(({ name, cells }) =>
    [...cells].flatMap(([column, bySeed]) => [...bySeed].map(([seed, texts]) => ({ row: name, column, seed, texts }))),
  )
