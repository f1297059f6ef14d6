/**
 * Cross-entropy of gold tokens from hidden states, without a gradient.
 *
 * Letters: N rows, R rows of a chunk, V vocabulary, D hidden size.
 */
import { headLogits, onFreshTape, tf } from "@winnow/tensor"

/** Logits of a chunk at most: 4 MB of numbers. */
const mostLogits = 2 ** 20

/**
 * -log p(gold) of each row, nats, [N]; logits exist for a chunk of rows at a time, also while a gradient is taken. Only the
 * values leave: no gradient.
 *
 * @param cap as `Architecture.logitCap`
 */
export const tokenLosses = (h_ND: tf.Tensor2D, head_VD: tf.Tensor2D, gold_N: Int32Array, cap?: number): Float32Array =>
  onFreshTape(() => inChunks(h_ND, head_VD, gold_N, cap))

const inChunks = (
  h_ND: tf.Tensor2D,
  head_VD: tf.Tensor2D,
  gold_N: Int32Array,
  cap: number | undefined,
): Float32Array => {
  const [N, V] = [gold_N.length, head_VD.shape[0]]
  const loss_N = new Float32Array(N)
  const size = Math.max(1, Math.floor(mostLogits / V))
  for (let from = 0; from < N; from += size) {
    const R = Math.min(size, N - from)
    const loss_R = tf.tidy(() => {
      const logits_RV = headLogits(tf.slice2d(h_ND, [from, 0], [R, -1]), head_VD, cap)
      const at_R2 = Int32Array.from({ length: R * 2 }, (_, i) => (i % 2 === 0 ? i / 2 : gold_N[from + (i - 1) / 2]!))
      const gold_R = tf.gatherND(logits_RV, tf.tensor2d(at_R2, [R, 2], "int32"))
      return tf.sub(tf.logSumExp(logits_RV, 1), gold_R)
    })
    loss_N.set(loss_R.dataSync(), from)
    loss_R.dispose()
  }
  return loss_N
}
