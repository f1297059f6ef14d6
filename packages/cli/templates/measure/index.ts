/** The confidence of a model in its predictions. Replace this by your own idea. */
import { defineMeasure, rowLogits, vocabularyHead } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { type } from "arktype"

/** The measure `my-measure`: the largest probability at each position of a text; 0 to 1. Own idea. */
export const myMeasure = defineMeasure({
  name: "my-measure",
  reads: ["model"],
  better: "higher",
  unit: "%",
  options: type({ "+": "reject" }),
  make:
    () =>
    ({ model, examples }) =>
      examples.map(({ ids }) =>
        tf.tidy(() => {
          const h_Td = tf.squeeze(model.hidden(tf.tensor2d(ids, [1, ids.length], "int32")), [0]) as tf.Tensor2D
          const p_TV = tf.softmax(rowLogits(h_Td, vocabularyHead(model)))
          return [tf.sum(tf.max(p_TV, 1)).dataSync()[0]!, ids.length] as const
        }),
      ),
})
