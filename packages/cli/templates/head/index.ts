/** Predicts the token after next from the target's hidden states by one matrix. Replace this by your own idea. */
import { defineHead, rowsAhead } from "@winnow/core"
import { linear, tf } from "@winnow/tensor"
import { type } from "arktype"

/** The head `my-head`: h + W h, and a vocabulary head that starts as the target's. Own idea. */
export const myHead = defineHead({
  name: "my-head",
  reads: ["targetHidden"],
  options: type({ "+": "reject" }),
  make: (_, { hiddenSize: D, vocabularySize: V }) => ({
    parameters: new Map([
      ["turn.weight", { shape: [D, D], init: { kind: "zeros" } }],
      ["head.weight", { shape: [V, D], init: { kind: "target head" } }],
    ]),
    rows: (parameters, problem, { targetHidden }) => {
      const { at_M, row_M } = rowsAhead(problem, 1)
      const h_MD = tf.gather(tf.reshape(targetHidden, [-1, D]), tf.tensor1d(row_M, "int32")) as tf.Tensor2D
      const turned_MD = linear(h_MD, parameters.get("turn.weight") as unknown as tf.Tensor2D)
      return [{ h_Md: tf.add(h_MD, turned_MD), head_Vd: parameters.get("head.weight")!, at_M }]
    },
  }),
})
