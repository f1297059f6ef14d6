/** The table of a run's further measures, each figure with its interval over seeds and texts. */
import type { DataError, MeasureInstance } from "@winnow/core"
import { Effect } from "effect"
import type { Graph } from "../graph.ts"
import { readMeasured } from "../stages/model-measure.ts"
import { estimate } from "../statistics/interval.ts"
import { type Cells_P, pooled } from "../statistics/sample.ts"
import type { Artifact } from "../store/store.ts"
import { column, type StudyTable, type TableFigure } from "../study/table.ts"
import type { MeasuredCounts } from "./counts.ts"

const finite = (x: number): number | null => (Number.isFinite(x) ? x : null)

/** The pooled ratio with its interval; a share is kept within 0 and 1. */
const figureOf = (cells_SP: ReadonlyMap<number, Cells_P>, { unit }: MeasureInstance): TableFigure => {
  const { value, low, high, seeds } = estimate(pooled(cells_SP))
  const [least, most] = unit === "%" ? [0, 1] : [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  return { value: finite(value), low: finite(Math.max(least, low)), high: finite(Math.min(most, high)), seeds }
}

/** Names of columns: a measure's own, and with a number where several have it. */
const keysOf = (instances: ReadonlyArray<MeasureInstance>): ReadonlyArray<string> =>
  instances.map(({ name }, i) => {
    const before = instances.slice(0, i).filter((other) => other.name === name).length
    return before === 0 ? name : `${name} ${before + 1}`
  })

/** The table, and the raw counts that it follows from. */
export interface FurtherMeasures {
  readonly table: StudyTable
  readonly counts: ReadonlyArray<MeasuredCounts>
}

/** Further measures; undefined where the run has none beside acceptance. Models whose stage failed have no cell. */
export const furtherMeasures = (
  { measures, measured, settled }: Pick<Graph, "measures" | "measured" | "settled">,
  artifacts: ReadonlyMap<string, Artifact>,
): Effect.Effect<FurtherMeasures | undefined, DataError> =>
  Effect.gen(function* () {
    if (measures.length === 0) return undefined
    const keys = keysOf(measures)
    const rows: Array<StudyTable["rows"][number]> = []
    const counts: Array<MeasuredCounts> = []
    for (const [name, all] of Map.groupBy(measured, ({ name }) => name)) {
      const cells: Record<string, TableFigure | null> = {}
      for (const [i, instance] of measures.entries()) {
        const bySeed = new Map<number, Cells_P>()
        for (const { seed, more = [] } of all) {
          const artifact = more[i] && artifacts.get(more[i].key)
          if (artifact === undefined) continue
          const texts = yield* readMeasured(artifact)
          bySeed.set(seed, texts)
          counts.push({ row: name, column: keys[i]!, seed, texts })
        }
        cells[keys[i]!] = bySeed.size === 0 ? null : figureOf(bySeed, instance)
      }
      rows.push({ name, context: all[0]!.role !== "arm", cells })
    }
    const { split, prompts } = settled.measure
    const table: StudyTable = {
      name: "measures",
      title: "Further measures",
      of: "arm",
      notes: [`${settled.task.name}/${split}, the first ${prompts} texts; ± is half of a 95 % interval.`],
      columns: measures.map(({ better, unit }, i) =>
        column(keys[i]!, unit === "" ? keys[i]! : `${keys[i]}, ${unit}`, {
          name: keys[i]!,
          style: unit === "%" ? "percent" : "nats",
          unit,
          direction: better,
        }),
      ),
      rows,
    }
    return { table, counts }
  })
