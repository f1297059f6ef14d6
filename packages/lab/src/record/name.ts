/** The name of a run: a key over the whole basis of its record. */
import type { Resolved } from "../experiment/resolved.ts"
import type { Graph } from "../graph.ts"
import { revisions } from "../store/code/revisions.ts"
import { keyOf, shortKey } from "../store/key.ts"

/**
 * A run's name, a key over the whole basis of its record, so that the same run again has the same name.
 *
 * Keys of stages alone do not suffice: they contain neither the names of arms nor the question, and a record's figures
 * also depend on the lab's own statistics and budgets.
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
      // The order of arms, which a key leaves out: the first is the baseline.
      arms: arms.map((arm) => arm.name),
      stages: leaves.map(({ key }) => key),
      statistics: revisions.statistics,
    }),
  )
