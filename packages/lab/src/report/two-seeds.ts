/**
 * Changes rows for charts: a figure of two seeds is drawn as a point, because an interval of two seeds is too wide for
 * a comparison.
 */
import type { IntervalRecord, RunRecord } from "../record/schema.ts"

const isInterval = (value: object): value is IntervalRecord => "value" in value && "low" in value && "high" in value

const shrunk = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(shrunk)
  if (typeof value !== "object" || value === null) return value
  if (isInterval(value)) return value.seeds === 2 ? { ...value, low: value.value, high: value.value } : value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shrunk(inner)]))
}

/** The run with each interval of two seeds shrunk to its value. */
export const asDrawn = (run: RunRecord): RunRecord => ({ ...run, rows: shrunk(run.rows) as RunRecord["rows"] })
