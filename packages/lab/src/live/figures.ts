/** The figures of a run so far, from the measurements that the store has. */
import { join } from "node:path"
import type { PlannedRow } from "../progress.ts"
import { expectedAt } from "../stages/measure.ts"
import { readManifest } from "../store/manifest.ts"

/** A column of figures. */
export interface LiveColumn {
  readonly key: string
  readonly title: string
  /** True of a share, which is shown in per cent. */
  readonly share: boolean
}

/** Figures of one artifact, by column. */
export type ArtifactFigures = Readonly<Record<string, number>>

const acceptances: ReadonlyArray<LiveColumn> = [
  { key: "greedyAcceptance", title: "greedy %", share: true },
  { key: "expectedAcceptance", title: "expected %", share: true },
  { key: "blockEfficiency", title: "tau", share: false },
  { key: "speedup", title: "speed-up", share: false },
]
const plain = "value"

/** The column of a plugin's figure. */
const columnOf = (measure: string | null): LiveColumn => ({
  key: `${plain} ${measure ?? ""}`.trim(),
  title: measure ?? "figure",
  share: false,
})

/** Expected acceptance of a measurement; undefined without its counts. */
const expectedIn = (directory: string): number | undefined => {
  try {
    return expectedAt(directory) ?? undefined
  } catch {
    return undefined
  }
}

const numberIn = (value: unknown): number | undefined => {
  const inner = typeof value === "object" && value !== null ? (value as { readonly value?: unknown }).value : value
  return typeof inner === "number" && Number.isFinite(inner) ? inner : undefined
}

/**
 * The figures of a stored measurement.
 *
 * @param measure the plugin's name; null for acceptance
 * @returns none for an artifact that cannot be read, such as one that is removed meanwhile
 */
export const figuresAt = (root: string, kind: string, key: string, measure: string | null): ArtifactFigures => {
  try {
    const directory = join(root, kind, key)
    const { summary } = readManifest(directory)
    const found = acceptances.flatMap(({ key }) => {
      const value = numberIn(summary[key])
      return value === undefined ? [] : [[key, value] as const]
    })
    // Of a trial that is judged by its loss.
    const loss = numberIn(summary["loss"])
    if (kind === "trial" && loss !== undefined) found.push(["loss", loss])
    const expected = kind === "measure" ? expectedIn(directory) : undefined
    if (expected !== undefined) found.push(["expectedAcceptance", expected])
    const value = numberIn(summary[plain])
    if (value !== undefined) found.push([columnOf(measure).key, value])
    return Object.fromEntries(found)
  } catch {
    return {}
  }
}

/** A line of the table: the mean over the seeds that are measured. */
export interface LiveRow {
  readonly name: string
  readonly role: PlannedRow["role"]
  /** By column: mean, and the number of seeds in it. */
  readonly cells: Readonly<Record<string, { readonly mean: number; readonly seeds: number }>>
  /** Seeds that the run measures. */
  readonly seeds: number
}

/** The table of the figures that are there. */
export const figuresTable = (
  rows: ReadonlyArray<PlannedRow>,
  figuresOf: (key: string) => ArtifactFigures | undefined,
): { readonly columns: ReadonlyArray<LiveColumn>; readonly rows: ReadonlyArray<LiveRow> } => {
  const names = Map.groupBy(rows, ({ name }) => name)
  const table = [...names].map(([name, of]): LiveRow => {
    const values = new Map<string, Array<number>>()
    for (const { figures } of of)
      for (const { key } of figures)
        for (const [column, value] of Object.entries(figuresOf(key) ?? {}))
          values.set(column, [...(values.get(column) ?? []), value])
    const cells = [...values].map(([column, all]) => {
      const mean = all.reduce((sum, x) => sum + x, 0) / all.length
      return [column, { mean, seeds: all.length }] as const
    })
    return { name, role: of[0]!.role, cells: Object.fromEntries(cells), seeds: of.length }
  })
  const measures = new Set(rows.flatMap(({ figures }) => figures.map(({ measure }) => measure)))
  const all = [...acceptances, ...[...measures].map(columnOf)]
  const columns = all.filter(({ key }) => table.some(({ cells }) => cells[key] !== undefined))
  return { columns, rows: table }
}
