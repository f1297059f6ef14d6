/** The name of a run: a key of all that its record says and follows from. */
import type { Resolved } from "../experiment/resolved.ts"
import type { Graph } from "../graph.ts"
import { revisions } from "../store/code/revisions.ts"
import { keyOf, shortKey } from "../store/key.ts"

/**
 * A run's name: of all that its record says and follows from, so that the same run again has the same name.
 *
 * Keys of stages alone will not do: they hold neither the names of arms nor the question, and the figures of a record
 * are also of the lab's own statistics and budgets.
 */
export const runName = (
  { name, question, config, arms }: Pick<Resolved, "name" | "question" | "config" | "arms">,
  { leaves }: Pick<Graph, "leaves">,
): string =>
  shortKey(
    keyOf({
      name,
      question,
      config,
      // Their order, which a key leaves out: the first is the baseline.
      arms: arms.map((arm) => arm.name),
      stages: leaves.map(({ key }) => key),
      statistics: revisions.statistics,
    }),
  )
