/**
 * Forward KL from a target with k known tokens a row.
 *
 * Letters: R rows of a chunk, k entries a row, V vocabulary, K = R k entries of the chunk, p target, q draft.
 */
import type { SparseChunk, SparseLoss } from "@winnow/core"
import { tf } from "@winnow/tensor"

/** Smallest normal float32: a logarithm stays finite where the draft's mass outside the top k underflows. */
const tiny = 1.1754944e-38

const terms = ({ draft, sparse: { kind, ids_Rk, weight_Rk, logP_Rk, tail_R } }: SparseChunk) => {
  const [R, k] = ids_Rk.shape
  const V = draft.logits_RV.shape[1]
  const start_R1 = tf.mul(tf.range(0, R, 1, "int32").reshape([R, 1]), tf.scalar(V, "int32"))
  const flat_K1 = tf.add(ids_Rk, start_R1).reshape([R * k, 1])
  const logits_Rk = tf.gather(draft.logits_RV.flatten(), flat_K1.flatten()).reshape([R, k])
  const logQ_Rk = tf.sub(logits_Rk, draft.logSumExp_R1())
  const loss_R = tf.sum(tf.mul(weight_Rk, tf.sub(logP_Rk, logQ_Rk)), 1) as tf.Tensor1D
  if (kind === "samples") return { flat_K1, loss_R, rest: undefined }

  // The sum of q outside the top k, computed directly: 1 minus the rest would lose a small sum.
  const rest_RV = tf
    .tensorScatterUpdate(draft.p_RV().flatten(), flat_K1, tf.zeros([R * k]))
    .reshape([R, V]) as tf.Tensor2D
  const mass_R = tf.maximum(tf.sum(rest_RV, 1), tiny)
  const ofTail_R = tf.mul(tail_R, tf.sub(tf.log(tf.maximum(tail_R, tiny)), tf.log(mass_R)))
  return {
    flat_K1,
    loss_R: tf.add(loss_R, ofTail_R) as tf.Tensor1D,
    rest: { rest_RV, ratio_R1: tf.expandDims(tf.div(tail_R, mass_R), 1) },
  }
}

/**
 * From the top k: KL over k + 1 outcomes, with all other tokens as one. With t = tail of p, Q = the same tokens' mass
 * in q, it is less than the full KL by t KL(p given tail || q given tail), which is 0 or more; gradient q_v - p_v at
 * the top k, q_v (1 - t / Q) elsewhere, within 2 t of the full gradient in L1.
 *
 * From samples: mean of log p - log q over them, an unbiased estimate of the full KL; gradient q - the samples'
 * frequencies, an unbiased estimate of q - p. @source for the samples: Anshumann et al. 2025, arXiv 2503.16870
 */
export const sparseKl: SparseLoss = {
  value: (chunk) => terms(chunk).loss_R,
  gradient: (chunk) => {
    const q_RV = chunk.draft.p_RV() // First, as log sum exp uses it.
    const { flat_K1, loss_R, rest } = terms(chunk)
    // A token that was drawn twice gets both weights: scatterND adds.
    const p_RV = tf.scatterND(flat_K1, chunk.sparse.weight_Rk.flatten(), [q_RV.size]).reshape(q_RV.shape)
    const gradient_RV = tf.sub(q_RV, p_RV) as tf.Tensor2D
    return {
      loss_R,
      gradient_RV:
        rest === undefined ? gradient_RV : (tf.sub(gradient_RV, tf.mul(rest.rest_RV, rest.ratio_R1)) as tf.Tensor2D),
    }
  },
}
