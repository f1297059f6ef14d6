/** The laws that every filter of examples keeps. E examples of the training split. */
import { type ExamplesUse, PluginFault, randomExamplesInput, tryExamples } from "@winnow/core"
import { countKept } from "@winnow/numerics"
import { instanceOf } from "./instance.ts"
import { lawsOf } from "./law.ts"

/** Claims of a filter of examples beyond the laws of all such filters. */
export interface ExamplesClaims {
  /** Number of kept examples among E with distinct statistics. */
  readonly kept?: (E: number) => number
}

/**
 * Checks a filter of examples with its options against all laws, on 1 to 257 examples from a fixed seed.
 *
 * The laws: one 0 or 1 for each example, not all 0; the input is not written to; only declared statistics are read; the
 * same input and generator give the same choice; and the claims hold.
 *
 * @error LawBroken names the law and the case
 */
export const checkExamples = async (use: ExamplesUse, claims: ExamplesClaims = {}): Promise<void> => {
  const law = lawsOf(`examples ${use.name}`)
  for (const E of [1, 2, 3, 10, 64, 257]) {
    const choose = async () => {
      const input = randomExamplesInput(E, 1)
      const filter = await instanceOf(use)
      try {
        tryExamples(filter, E, 1) // the laws of a score of states
        return { input, chosen: filter.choose(input) }
      } catch (cause) {
        if (cause instanceof PluginFault) law(cause.rule, false, () => `E = ${E}: ${cause.detail}`)
        throw cause
      }
    }
    const [{ input, chosen }, again] = [await choose(), await choose()]
    law(
      "deterministic",
      Buffer.from(chosen).equals(Buffer.from(again.chosen)),
      () => `E = ${E}: two fresh instances chose differently; draw from input.rng only`,
    )
    const fresh = randomExamplesInput(E, 1)
    const written = (Object.keys(fresh) as ReadonlyArray<keyof typeof fresh>).find(
      (key) => ArrayBuffer.isView(fresh[key]) && !Bun.deepEquals(fresh[key], input[key]),
    )
    law("input untouched", written === undefined, () => `E = ${E}: wrote to ${written}; work on a copy`)
    const expected = claims.kept?.(E)
    law(
      "kept",
      expected === undefined || countKept(chosen) === expected,
      () => `E = ${E}: kept ${countKept(chosen)}, claimed ${expected}`,
    )
  }
}
