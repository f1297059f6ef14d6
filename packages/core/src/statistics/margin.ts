/** The margin of the target's greedy decision over another one. */
import { tf } from "@winnow/tensor"
import { ownStatistic } from "./statistic.ts"

export const targetMargin = ownStatistic({
  name: "targetMargin_N",
  about: "log p of the most probable token less that of the second, nats",
  reads: ["target"],
  range: { from: 0, to: Number.POSITIVE_INFINITY },
  definition: ({ target }) => {
    const [first, second = first] = target.toSorted().reverse()
    return first! - second!
  },
  plain: ({ target: { logits_RV } }) => {
    const [R, V] = logits_RV.shape
    if (V === 1) return tf.zeros([R])
    const { values } = tf.topk(logits_RV, 2, true)
    const [first_R1, second_R1] = tf.split(values as tf.Tensor2D, 2, 1)
    return tf.squeeze(tf.sub(first_R1!, second_R1!), [1])
  },
})
