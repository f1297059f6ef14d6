/** The squared difference of draft and target. Replace this by your own idea. */
import { defineLoss, type LossChunk } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { type } from "arktype"

const difference = ({ draft, target }: LossChunk<true>) => tf.sub(draft.p_RV(), target.p_RV())

/** The loss `my-loss`: sum_v (q_v - p_v)^2. Its gradient is 2 q (d - sum_v q_v d_v) with d = q - p. Own idea. */
export const myLoss = defineLoss({
  name: "my-loss",
  target: true,
  options: type({ "+": "reject" }),
  make: () => ({
    value: (chunk) => tf.sum(tf.square(difference(chunk)), 1),
    // TFJS differentiates a loss without a gradient by autodiff: correct, and slower.
    gradient: (chunk) => {
      const d_RV = difference(chunk)
      const q_RV = chunk.draft.p_RV()
      const centred_RV = tf.sub(d_RV, tf.sum(tf.mul(q_RV, d_RV), 1, true))
      return { loss_R: tf.sum(tf.square(d_RV), 1), gradient_RV: tf.mul(2, tf.mul(q_RV, centred_RV)) }
    },
  }),
})
