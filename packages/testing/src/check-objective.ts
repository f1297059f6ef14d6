/** The laws that every objective keeps. */
import { type ObjectiveUse, PluginFault, tryObjective } from "@winnow/core"
import { Effect } from "effect"
import { LawBroken } from "./law.ts"

/**
 * Checks an objective with its options against all laws, in stages of 1, 2 and 40 steps.
 *
 * The laws: a problem of the examples' own tokens, with ascending rows among their inputs and ids of the vocabulary; no example
 * is written to; the same draws make the same problem; one that repeats has the rows of the next token.
 *
 * @param V vocabulary of the model that it is tried for
 * @error LawBroken names the law and what was found
 */
export const checkObjective = async (use: ObjectiveUse, V = 64): Promise<void> => {
  await Effect.runPromise(use.instance)
  try {
    for (const steps of [1, 2, 40]) tryObjective(() => Effect.runSync(use.instance), V, steps)
  } catch (cause) {
    if (!(cause instanceof PluginFault)) throw cause
    throw new LawBroken(`objective ${use.name}`, cause.rule, cause.detail)
  }
}
