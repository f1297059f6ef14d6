/**
 * The greedy decision: do draft and target have the same most probable token? Among equal ones the lowest id counts.
 */
import { tf } from "@winnow/tensor"
import { argmaxOf, ownStatistic } from "./statistic.ts"

export const agreement = ownStatistic({
  name: "agreement_N",
  about: "1 where the most probable tokens of p and q are the same",
  reads: ["draft", "target"],
  range: { from: 0, to: 1, whole: true },
  definition: ({ draft, target }) => (argmaxOf(draft) === argmaxOf(target) ? 1 : 0),
  plain: ({ draft, target }) =>
    tf.cast(tf.equal(tf.argMax(draft.logits_RV, 1), tf.argMax(target.logits_RV, 1)), "float32"),
  native: {
    ask: ["draft.argmax", "target.argmax"],
    of: (answers) => answers["draft.argmax"]!.map((id, n) => (id === answers["target.argmax"]![n] ? 1 : 0)),
  },
  from: {
    // The most probable token is the first of the top k.
    "top-k": {
      plain: ({ draft, sparse: { ids_Rk } }) => {
        const first_R = tf.squeeze(tf.slice2d(ids_Rk, [0, 0], [-1, 1]), [1])
        return tf.cast(tf.equal(tf.argMax(draft.logits_RV, 1), first_R), "float32")
      },
      native: {
        ask: ["draft.argmax"],
        of: (answers, { k, ids_Nk }) => answers["draft.argmax"]!.map((id, n) => (id === ids_Nk[n * k] ? 1 : 0)),
      },
    },
  },
})
