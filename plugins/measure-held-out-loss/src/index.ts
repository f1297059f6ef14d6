/**
 * The mean loss of gold tokens on held-out text: the measure of a draft that has no target.
 *
 * Letters: N rows of a problem, M rows of an entry, R rows of a chunk, V vocabulary.
 */
import { Categorical, type DraftRows, defineMeasure, goldOfEntry, objectiveUse, rowLogits } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { Effect } from "effect"

/** Rows of logits in memory at once. */
const chunkRows = 256

/** -log q(gold) of each row of an entry, nats. */
const lossesOf = (entry: DraftRows, gold_M: Int32Array): Float32Array => {
  const [M] = entry.h_Md.shape
  const loss_M = new Float32Array(M)
  for (let at = 0; at < M; at += chunkRows)
    tf.tidy(() => {
      const R = Math.min(chunkRows, M - at)
      const q = new Categorical(rowLogits(tf.slice(entry.h_Md, [at, 0], [R, -1]), entry))
      loss_M.set(q.nll_R(tf.tensor1d(gold_M.subarray(at, at + R), "int32")).dataSync() as Float32Array, at)
    })
  return loss_M
}

/**
 * The measure `held-out-loss`: for each text the sum of -log q(gold) over the tokens that the draft predicts in the
 * problem, and their number; nats a token, 0 or more, lower is better.
 *
 * All tokens of the measured split count, whatever a filter kept in training. For a head the tokens are those at its
 * offset.
 */
export const heldOutLoss = defineMeasure({
  name: "held-out-loss",
  reads: ["rows"],
  better: "lower",
  unit: "nats",
  options: type({ "+": "reject", objective: objectiveUse }),
  make: ({ objective }) =>
    Effect.map(objective.instance, ({ problem: make }) => ({ rows, examples, vocabularySize, rng }) => {
      const problem = make({ examples, padId: 0, vocabularySize, step: 0, steps: 1, rng })
      const texts = Array.from({ length: problem.B }, (): [number, number] => [0, 0])
      for (const entry of rows(problem)) {
        const gold_M = goldOfEntry(entry, problem.gold_N)
        for (const [m, loss] of lossesOf(entry, gold_M).entries()) {
          const text = texts[problem.sequence_N[entry.at_M?.[m] ?? m]!]!
          text[0] += loss
          text[1]++
        }
      }
      return texts
    }),
})
