/**
 * The rank of one model's most probable token in the other model's order: the number of tokens before it. Among equal
 * ones the lower id comes first.
 */
import { tf } from "@winnow/tensor"
import type { Categorical } from "../categorical.ts"
import { argmaxOf, ownStatistic } from "./statistic.ts"

const range = { from: 0, to: "V - 1", whole: true } as const

/** Number of tokens before a token in the order of `logP_V`. */
const before = (logP_V: Float64Array, token: number) =>
  logP_V.reduce((n, logP, v) => n + (logP > logP_V[token]! || (logP === logP_V[token]! && v < token) ? 1 : 0), 0)

const ranks = (of: Categorical, inOrderOf: Categorical): tf.Tensor1D => {
  const [, V] = of.logits_RV.shape
  const token_R1 = tf.expandDims(tf.argMax(of.logits_RV, 1), 1)
  const logit_R1 = tf.gather(inOrderOf.logits_RV, token_R1, 1, 1)
  const greater_RV = tf.greater(inOrderOf.logits_RV, logit_R1)
  const tied_RV = tf.logicalAnd(
    tf.equal(inOrderOf.logits_RV, logit_R1),
    tf.less(tf.range(0, V, 1, "int32").reshape([1, V]), token_R1),
  )
  return tf.sum(tf.cast(tf.logicalOr(greater_RV, tied_RV), "float32"), 1) as tf.Tensor1D
}

export const draftRank = ownStatistic({
  name: "draftRank_N",
  about: "tokens that q has before p's most probable one, 0 to V - 1",
  reads: ["draft", "target"],
  range,
  definition: ({ draft, target }) => before(draft, argmaxOf(target)),
  plain: ({ draft, target }) => ranks(target, draft),
})

export const targetRank = ownStatistic({
  name: "targetRank_N",
  about: "tokens that p has before q's most probable one, 0 to V - 1",
  reads: ["draft", "target"],
  range,
  definition: ({ draft, target }) => before(target, argmaxOf(draft)),
  plain: ({ draft, target }) => ranks(draft, target),
})
