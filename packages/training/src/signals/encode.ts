/**
 * The target's signals for each token: from its hidden states, or its logits chunk by chunk, to bytes.
 *
 * Letters: N valid tokens of a batch, R rows of a chunk, V vocabulary, D hidden size of the target, k entries a token.
 */
import { Categorical } from "@winnow/core"
import type { Batch } from "@winnow/data"
import { seeded, toBfloat16 } from "@winnow/numerics"
import { headTop, native, precision, readTensor, tf } from "@winnow/tensor"
import { chunks, logits } from "../head/chunks.ts"
import type { Rows } from "../head/pass.ts"
import { bytesPerToken, type CachedForm } from "./forms.ts"

/** The same as `headTop` of a chunk's logits, without native code. */
const plainTopRows = (z_RV: tf.Tensor2D, k: number, words: Int32Array, floats: Float32Array): void => {
  const [R, V] = z_RV.shape
  const target = new Categorical(z_RV)
  const p_RV = target.p_RV() // First, as log sum exp uses it.
  const top = tf.topk(z_RV, k, true)
  const logP_Rk = tf.sub(top.values, target.logSumExp_R1())
  const ids = top.indices.dataSync()
  const logP = logP_Rk.dataSync()
  readTensor(p_RV, (p) => {
    for (let r = 0; r < R; r++) {
      const at = r * (2 * k + 1)
      // Sums in double of single-precision terms are exact under cancellation, so that a small tail is right.
      let tail = 0
      if (k < V) for (let v = r * V; v < (r + 1) * V; v++) tail += (p as Float32Array)[v]!
      for (let i = 0; i < k; i++) {
        const id = ids[r * k + i]!
        words[at + i] = id
        floats[at + k + i] = logP[r * k + i]!
        if (k < V) tail -= (p as Float32Array)[r * V + id]!
      }
      floats[at + 2 * k] = Math.max(0, tail)
    }
  })
}

/**
 * s tokens drawn from each row by inverse CDF at (u + i / s), u uniform in [0, 1 / s): ids, log p.
 *
 * Systematic sampling: each token is drawn floor or ceil of s p times and its share is unbiased, as with independent draws,
 * but with less noise. `uniform` gives row r's u times s.
 */
const sampledRows = (
  z_RV: tf.Tensor2D,
  s: number,
  uniform: (r: number) => number,
  words: Int32Array,
  floats: Float32Array,
): void => {
  const [R, V] = z_RV.shape
  const target = new Categorical(z_RV)
  const p_RV = target.p_RV()
  const logSumExp_R = target.logSumExp_R1().dataSync()
  readTensor(z_RV, (z) =>
    readTensor(p_RV, (p) => {
      for (let r = 0; r < R; r++) {
        const row = (p as Float32Array).subarray(r * V, (r + 1) * V)
        let total = 0
        for (let v = 0; v < V; v++) total += row[v]!
        const u = uniform(r)
        const at = r * 2 * s
        let [v, below] = [0, 0] // Mass of the tokens before v.
        for (let i = 0; i < s; i++) {
          const point = ((u + i) / s) * total
          while (v < V - 1 && below + row[v]! <= point) below += row[v++]!
          // Past the last token with any mass, by rounding only.
          while (row[v] === 0 && v > 0) below -= row[--v]!
          words[at + i] = v
          floats[at + s + i] = (z as Float32Array)[r * V + v]! - logSumExp_R[r]!
        }
      }
    }),
  )
}

/**
 * Bytes of a batch's rows in a form, from the target's hidden states at them. Frees its tensors.
 *
 * In bfloat16 a top k comes from the native head, without logits in memory. All else comes from chunks of logits in
 * float32, where TensorFlow's product takes most of the time: the native head would take a fifth less of it.
 */
export const encodeTarget = (form: CachedForm, rows: Rows, batch: Batch, chunkRows: number): Uint8Array => {
  const [N, D] = rows.h_Nd.shape
  const V = rows.head_Vd.shape[0]
  const bytes = new Uint8Array(N * bytesPerToken(form, { D, V }))
  if (form === "hidden") {
    readTensor(rows.h_Nd, (h) => toBfloat16(h as Float32Array, new Uint16Array(bytes.buffer)))
    return bytes
  }
  const words = new Int32Array(bytes.buffer)
  const floats = new Float32Array(bytes.buffer)
  const perToken = words.length / N
  const library = precision() === "bfloat16" ? native() : undefined
  if (typeof form === "object" && "topK" in form && library !== undefined) {
    headTop(library, rows, form.topK, words)
    return bytes
  }
  for (const [start, count] of chunks(N, chunkRows))
    tf.tidy(() => {
      const z_RV = logits(rows, start, count)
      const part = [start * perToken, (start + count) * perToken] as const
      if (form === "full") readTensor(z_RV, (z) => floats.set(z as Float32Array, part[0]))
      else if ("topK" in form) plainTopRows(z_RV, form.topK, words.subarray(...part), floats.subarray(...part))
      else {
        // A token's draw depends only on its place in the data set, not on pieces or batches.
        const uniform = (r: number) => {
          const n = start + r
          const example = batch.example_B[batch.sequence_N[n]!]!
          return seeded(form.seed, "signals", example, batch.position_N[n]!).uniform()
        }
        sampledRows(z_RV, form.samples, uniform, words.subarray(...part), floats.subarray(...part))
      }
    })
  return bytes
}
