/**
 * The error of a head that predicts a number in bins.
 *
 * Letters: N rows of a problem, M rows of an entry, R rows of a chunk, C bins.
 */
import { Categorical, type DraftRows, defineMeasure, InvalidInput, objectiveUse, rowLogits } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { Effect } from "effect"

/** Rows of logits in memory at once. */
const chunkRows = 256

/** |expected middle of a bin - exact number| of each row of an entry. @error InvalidInput (thrown) for an entry without numbers */
const errorsOf = (entry: DraftRows): Float32Array => {
  const numbers = entry.classes?.numbers
  if (numbers === undefined) {
    const problems = ["the draft predicts no number; take it for a head of a variable with a range"]
    throw new InvalidInput({ what: "measure absolute-error", problems })
  }
  const [M] = entry.h_Md.shape
  const error_M = new Float32Array(M)
  for (let at = 0; at < M; at += chunkRows)
    tf.tidy(() => {
      const R = Math.min(chunkRows, M - at)
      const q = new Categorical(rowLogits(tf.slice(entry.h_Md, [at, 0], [R, -1]), entry))
      const expected_R = tf.sum(tf.mul(q.p_RV(), tf.tensor2d(numbers.middle_C, [1, numbers.middle_C.length])), 1)
      const exact_R = tf.tensor1d(numbers.exact_M.subarray(at, at + R))
      error_M.set(tf.abs(tf.sub(expected_R, exact_R)).dataSync() as Float32Array, at)
    })
  return error_M
}

/**
 * The measure `absolute-error`: the mean absolute difference of the predicted number, the expected middle of a bin, and
 * the exact one, in the unit of the variable; 0 or more, lower is better.
 */
export const absoluteError = defineMeasure({
  name: "absolute-error",
  reads: ["rows"],
  better: "lower",
  options: type({ "+": "reject", objective: objectiveUse }),
  make: ({ objective }) =>
    Effect.map(objective.instance, ({ problem: make }) => ({ rows, examples, vocabularySize, rng }) => {
      const problem = make({ examples, padId: 0, vocabularySize, step: 0, steps: 1, rng })
      const texts = Array.from({ length: problem.B }, (): [number, number] => [0, 0])
      for (const entry of rows(problem))
        for (const [m, error] of errorsOf(entry).entries()) {
          const text = texts[problem.sequence_N[entry.at_M?.[m] ?? m]!]!
          text[0] += error
          text[1]++
        }
      return texts
    }),
})
