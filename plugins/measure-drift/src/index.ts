/**
 * The drift of the target under a head's training: how far its own next-token distribution has moved.
 *
 * Letters: N rows of a problem, R rows of a chunk, V vocabulary.
 */
import { Categorical, type DraftRows, defineMeasure, objectiveUse, rowLogits } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { Effect } from "effect"

/** Rows of logits in memory at once. */
const chunkRows = 256

/** Probabilities first, then their logarithms: equal logits give equal bits in both models. */
const distribution = (logits_RV: tf.Tensor2D) => {
  const of = new Categorical(logits_RV)
  return { p_RV: of.p_RV(), logP_RV: of.logP_RV() }
}

/** KL(before || after) of each row, nats. */
const driftOf = (before: DraftRows, after: DraftRows): Float32Array => {
  const [N] = before.h_Md.shape
  const drift_N = new Float32Array(N)
  for (let at = 0; at < N; at += chunkRows)
    tf.tidy(() => {
      const R = Math.min(chunkRows, N - at)
      const of = (rows: DraftRows) => distribution(rowLogits(tf.slice(rows.h_Md, [at, 0], [R, -1]), rows))
      const [p, q] = [of(before), of(after)]
      drift_N.set(tf.sum(tf.mul(p.p_RV, tf.sub(p.logP_RV, q.logP_RV)), 1).dataSync() as Float32Array, at)
    })
  return drift_N
}

/**
 * The measure `drift`: the mean of KL(p || p') over the rows of the problem, p the target's distribution of the next token
 * and p' that of the target as the training has left it; nats, 0 or more up to rounding, lower is better.
 *
 * A head on a frozen target has exactly 0: both are the same computation. A head whose copy of the target was trained has
 * changed what the target says.
 */
export const drift = defineMeasure({
  name: "drift",
  reads: ["targetRows", "leftRows"],
  better: "lower",
  unit: "nats",
  options: type({ "+": "reject", objective: objectiveUse }),
  make: ({ objective }) =>
    Effect.map(objective.instance, ({ problem: make }) => ({ targetRows, leftRows, examples, vocabularySize, rng }) => {
      const problem = make({ examples, padId: 0, vocabularySize, step: 0, steps: 1, rng })
      const texts = Array.from({ length: problem.B }, (): [number, number] => [0, 0])
      for (const [n, x] of driftOf(targetRows(problem), leftRows(problem)).entries()) {
        const text = texts[problem.sequence_N[n]!]!
        text[0] += x
        text[1]++
      }
      return texts
    }),
})
