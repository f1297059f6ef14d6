/** The laws that every objective keeps. */
import { type ObjectiveInstance, type ObjectiveUse, PluginFault, tryObjective } from "@winnow/core"
import { seeded } from "@winnow/numerics"
import { Effect } from "effect"
import { LawBroken } from "./law.ts"

/** Rows may differ from what is told by this much: draws, and schedules that are no straight line. */
const tolerance = 0.2

/** The law: as many rows as the objective tells for examples of these sizes, over a stage of 40 steps. */
const checkRows = ({ name, rows, problem }: ObjectiveInstance, V: number): void => {
  const [B, length, steps] = [8, 120, 40]
  const rng = seeded(3, "rows")
  for (const promptLength of [20, 90]) {
    const examples = Array.from({ length: B }, () => ({
      ids: Int32Array.from({ length }, () => rng.below(V)),
      promptLength,
    }))
    let sum = 0
    for (let step = 0; step < steps; step++) {
      const input = { examples, padId: 0, vocabularySize: V, step, steps, rng: seeded(step, "rows") }
      sum += problem(input).row_N.length
    }
    const [told, had] = [rows({ length, trained: length - promptLength }), sum / (B * steps)]
    if (Math.abs(told - had) > tolerance * had) {
      const detail = `rows tells ${told} rows of an example of ${length} tokens with ${promptLength} of prompt, its problems have ${had}`
      throw new LawBroken(`objective ${name}`, "rows", detail)
    }
  }
}

/**
 * Checks an objective with its options against all laws, in stages of 1, 2 and 40 steps.
 *
 * The laws: a problem of the examples' own tokens, with ascending rows among their inputs and ids of the vocabulary; no example
 * is written to; the same draws make the same problem; one that repeats has the rows of the next token; an example has
 * as many rows as it tells.
 *
 * @param V vocabulary of the model that it is tried for
 * @param claims.rowsByContent true of an objective whose number of rows depends on the tokens: the last law is left out
 * @error LawBroken names the law and what was found
 */
export const checkObjective = async (
  use: ObjectiveUse,
  V = 64,
  claims: { readonly rowsByContent?: boolean } = {},
): Promise<void> => {
  const instance = await Effect.runPromise(use.instance)
  try {
    for (const steps of [1, 2, 40]) tryObjective(() => Effect.runSync(use.instance), V, steps)
    if (claims.rowsByContent !== true) checkRows(instance, V)
  } catch (cause) {
    if (!(cause instanceof PluginFault)) throw cause
    throw new LawBroken(`objective ${use.name}`, cause.rule, cause.detail)
  }
}
