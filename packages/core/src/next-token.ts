/**
 * The objective of language modelling: it predicts each trained token from the tokens before it.
 *
 * Letters: B sequences, T positions, N valid tokens.
 */
import { type } from "arktype"
import { InvalidInput } from "./errors.ts"
import { defineObjective } from "./objective.ts"
import type { EncodedExample, Problem } from "./problem.ts"

/** Position of the first token that is trained: the very first token has no context that could predict it. */
export const firstTrained = (promptLength: number): number => Math.max(1, promptLength)

/**
 * The tokens of each example without its last, side by side: position t predicts token t + 1, from the end of the
 * prompt on.
 *
 * @param padId fills the right; causal attention never reads it from a valid row
 * @error InvalidInput (thrown) for no sequence, or for one of fewer than 2 tokens, which predicts nothing
 */
export const nextTokenProblem = (examples: ReadonlyArray<EncodedExample>, padId: number): Problem => {
  let T = 0
  let N = 0
  let tokens = 0
  for (const { ids, promptLength } of examples) {
    if (ids.length < 2) {
      const problems = [`a sequence has ${ids.length} tokens; expected a prompt and an end, 2 at least`]
      throw new InvalidInput({ what: "batch", problems })
    }
    T = Math.max(T, ids.length - 1)
    N += ids.length - firstTrained(promptLength)
    tokens += ids.length - 1
  }
  const B = examples.length
  if (B === 0) throw new InvalidInput({ what: "batch", problems: ["has no sequence; expected at least 1"] })

  const ids_BT = new Int32Array(B * T).fill(padId)
  const length_B = Int32Array.from(examples, ({ ids }) => ids.length - 1)
  const row_N = new Int32Array(N)
  const gold_N = new Int32Array(N)
  const sequence_N = new Int32Array(N)
  const position_N = new Int32Array(N)
  let n = 0
  for (const [b, { ids, promptLength }] of examples.entries()) {
    ids_BT.set(ids.subarray(0, ids.length - 1), b * T)
    for (let position = firstTrained(promptLength); position < ids.length; position++, n++) {
      row_N[n] = b * T + position - 1
      gold_N[n] = ids[position]!
      sequence_N[n] = b
      position_N[n] = position
    }
  }
  return { B, T, ids_BT, length_B, row_N, gold_N, sequence_N, position_N, tokens }
}

/** The objective of every training without an explicit one; the plugin `next-token` exposes it under its name. */
export const languageModelling = defineObjective({
  name: "language-modelling",
  repeats: true,
  reads: "before",
  options: type({ "+": "reject" }),
  make:
    () =>
    ({ examples, padId }) =>
      nextTokenProblem(examples, padId),
})
