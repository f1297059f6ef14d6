/** The table of differences between arms, a row a pair. */
import type { Difference } from "../record/comparisons.ts"
import type { StudyTable, TableColumn } from "../study/table.ts"

/**
 * Differences of all pairs of arms, paired by seed and prompt.
 *
 * @param columns of the measures, keyed as the differences name them
 */
export const differencesTable = (
  columns: ReadonlyArray<TableColumn>,
  differences: ReadonlyArray<Difference>,
): StudyTable => ({
  name: "differences",
  title: "Differences of arms",
  of: "arms",
  notes: ["Paired by seed and prompt."],
  columns: [...columns],
  rows: [...Map.groupBy(differences, ({ a, b }) => `${a} - ${b}`)].map(([name, all]) => ({
    name,
    context: false,
    cells: Object.fromEntries(
      all.map(({ measure, value, low, high, seeds }) => [measure, { value, low, high, seeds: seeds.length }]),
    ),
  })),
})
