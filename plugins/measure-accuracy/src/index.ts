/**
 * The share of tokens that a model predicts as they are, of a problem that an objective makes: the next token, or a masked one.
 *
 * Letters: B sequences, T positions, N tokens to predict, R rows of a chunk, d hidden size.
 */
import { defineMeasure, type Encoder, objectiveUse, type Problem } from "@winnow/core"
import { linear, tf } from "@winnow/tensor"
import { type } from "arktype"
import { Effect } from "effect"

/** Rows of logits that are alive at once. */
const chunkRows = 256

/** Starts by which attention both ways leaves out the padding; undefined of a decoder, which does not see it. */
const startsOf = (model: Encoder, { length_B, T }: Problem): Int32Array | undefined =>
  model.architecture.attends === "before"
    ? undefined
    : Int32Array.from({ length: length_B.length * T }, (_, n) =>
        n % T < length_B[Math.floor(n / T)]! ? 0 : (n % T) + 1,
      )

/** The most probable token of each row, [N]; of equal ones the lowest id. */
const predictions = (model: Encoder, problem: Problem): Int32Array => {
  const { B, T, ids_BT, row_N } = problem
  const out = new Int32Array(row_N.length)
  tf.tidy(() => {
    const hidden = model.hidden(tf.tensor2d(ids_BT, [B, T], "int32"), startsOf(model, problem))
    const h_Rows = tf.reshape(hidden, [B * T, model.architecture.hiddenSize])
    for (let at = 0; at < row_N.length; at += chunkRows)
      tf.tidy(() => {
        const row_R = tf.tensor1d(row_N.subarray(at, at + chunkRows), "int32")
        const logits_RV = linear(tf.gather(h_Rows, row_R) as tf.Tensor2D, model.head_Vd as unknown as tf.Tensor2D)
        out.set(tf.argMax(logits_RV, 1).dataSync() as Int32Array, at)
      })
  })
  return out
}

/**
 * The measure `accuracy`: of each text the tokens whose most probable prediction is the gold token, over all tokens that the
 * objective asks for; 0 to 1, higher is better.
 *
 * With the objective `masked` it is masked accuracy, for encoders; every model is asked for the same masked tokens.
 */
export const accuracy = defineMeasure({
  name: "accuracy",
  better: "higher",
  unit: "%",
  options: type({ "+": "reject", objective: objectiveUse }),
  make: ({ objective }) =>
    Effect.map(objective.instance, ({ problem: make }) => ({ model, examples, rng }) => {
      const { vocabularySize } = model.architecture
      const problem = make({ examples, padId: 0, vocabularySize, step: 0, steps: 1, rng })
      const predicted_N = predictions(model, problem)
      const counts = examples.map((): [number, number] => [0, 0])
      for (const [n, b] of problem.sequence_N.entries()) {
        const text = counts[b]!
        text[1]++
        if (predicted_N[n] === problem.gold_N[n]) text[0]++
      }
      return counts
    }),
})
