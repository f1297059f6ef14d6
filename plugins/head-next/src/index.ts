/**
 * One head that predicts the token after next, on the frozen target's hidden states: the first of Medusa's.
 *
 * Letters: M rows, V vocabulary, D hidden size of the target.
 * @source Cai et al., "Medusa: Simple LLM Inference Acceleration Framework with Multiple Decoding Heads", 2024 (arXiv
 * 2401.10774), section 2.1.1: softmax(W2 (SiLU(W1 h) + h)), W1 begins at 0 and W2 as the target's head
 */
import { defineHead, rowsAhead } from "@winnow/core"
import { linear, tf } from "@winnow/tensor"
import { type } from "arktype"

/** The head; its parameters are a square matrix, a bias and a separate vocabulary head. */
export const next = defineHead({
  name: "next",
  reads: ["targetHidden"],
  options: type({
    "+": "reject",
    // Tokens between the read position and the predicted one: 1 is the token after next, Medusa's first head.
    ahead: "1 <= number.integer <= 64 = 1",
  }),
  make: ({ ahead }, { hiddenSize: D, vocabularySize: V }) => ({
    parameters: new Map([
      ["block.weight", { shape: [D, D], init: { kind: "zeros" } }],
      ["block.bias", { shape: [D], init: { kind: "zeros" } }],
      ["head.weight", { shape: [V, D], init: { kind: "target head" } }],
    ]),
    rows: (parameters, problem, { targetHidden }) => {
      const { at_M, row_M } = rowsAhead(problem, ahead)
      const flat = tf.reshape(targetHidden, [-1, D]) as tf.Tensor2D
      const h_MD = tf.gather(flat, tf.tensor1d(row_M, "int32")) as tf.Tensor2D
      const u_MD = linear(
        h_MD,
        parameters.get("block.weight") as unknown as tf.Tensor2D,
        parameters.get("block.bias") as unknown as tf.Tensor1D,
      )
      const block_MD = tf.add(h_MD, tf.mul(u_MD, tf.sigmoid(u_MD))) as tf.Tensor2D
      return [{ h_Md: block_MD, head_Vd: parameters.get("head.weight")!, at_M }]
    },
  }),
})
