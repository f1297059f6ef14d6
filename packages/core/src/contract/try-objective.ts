/** Calls an objective as the source of batches calls it, on small random examples: for laws and trials. */
import { seeded } from "@winnow/numerics"
import { nextTokenProblem } from "../next-token.ts"
import type { ObjectiveInstance } from "../objective.ts"
import type { EncodedExample, ObjectiveInput, Problem } from "../problem.ts"
import { PluginFault } from "./fault.ts"

/** Random examples with prompts, one of them without: 2 to 13 tokens each. */
export const randomExamples = (count: number, V: number, seed: number): ReadonlyArray<EncodedExample> => {
  const rng = seeded(seed, "examples", V)
  return Array.from({ length: count }, (_, i) => {
    const ids = Int32Array.from({ length: 2 + rng.below(12) }, () => rng.below(V))
    return { ids, promptLength: i === 0 ? 0 : rng.below(ids.length) }
  })
}

/** An input of random examples. */
export const randomObjectiveInput = (V: number, seed: number, step: number, steps: number): ObjectiveInput => ({
  examples: randomExamples(5, V, seed),
  padId: 0,
  vocabularySize: V,
  step,
  steps,
  rng: seeded(seed, "objective", step),
})

const same = (a: Problem, b: Problem): boolean =>
  (["ids_BT", "length_B", "row_N", "gold_N", "sequence_N", "position_N"] as const).every((name) =>
    a[name].every((x, i) => x === b[name][i]),
  )

/**
 * Runs an objective on a few small random batches, at the first, middle and last of its steps.
 *
 * The rules: those of `checkedProblem`; it does not write to its examples; two fresh instances make the same problem
 * from the same draws; an objective that repeats has the rows and inputs of the next token, at every step and for every
 * draw.
 *
 * @param fresh makes an instance
 * @param V vocabulary of the model
 * @param steps of the stage that it will run in
 * @error PluginFault (thrown) with the broken rule
 */
export const tryObjective = (fresh: () => ObjectiveInstance, V: number, steps: number): void => {
  const [objective, other] = [fresh(), fresh()]
  const plugin = `objective ${objective.name}`
  const broken = (rule: string, detail: string) => new PluginFault(plugin, rule, detail)
  for (const step of new Set([0, 1, Math.floor(steps / 2), Math.max(0, steps - 1)]))
    for (const seed of [1, 2, 3]) {
      const input = () => randomObjectiveInput(V, seed, step, steps)
      const batch = input()
      const before = batch.examples.map(({ ids }) => ids.slice())
      const problem = objective.problem(batch)
      if (batch.examples.some(({ ids }, i) => ids.some((id, t) => id !== before[i]![t])))
        throw broken("input untouched", "wrote to an example's ids, which belong to the data; work on a copy")
      if (!same(problem, other.problem(input())))
        throw broken(
          "deterministic",
          "two fresh instances made different problems of the same examples; draw from input.rng only",
        )
      if (objective.repeats && !same(problem, nextTokenProblem(batch.examples, batch.padId)))
        throw broken(
          "repeats",
          "it is defined with repeats true, and its rows are not the trained tokens, each from the tokens before it; set repeats to false",
        )
    }
}
