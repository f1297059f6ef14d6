/**
 * Heads on a frozen target that are given the tokens before: head k predicts the token k + 1 after the next one from the
 * target's hidden state and the embeddings of the k tokens between.
 *
 * Letters: M rows, V vocabulary, D hidden size of the target, d columns of its embedding, k the number of a head, from 1.
 * @source Ankner et al., "Hydra: Sequentially-Dependent Draft Heads for Medusa Decoding", 2024 (arXiv 2402.05109), section
 * 3: the input of head k is concat(h, e(x1), ..., e(xk)); the first block is R x + SiLU(W x), later ones x + SiLU(W x)
 */
import { defineHead, type HeadParameter, type Parameters, rowsAhead } from "@winnow/core"
import { embedding } from "@winnow/models"
import { linear, tf } from "@winnow/tensor"
import { type } from "arktype"

const zeros = (...shape: ReadonlyArray<number>): HeadParameter => ({ shape, init: { kind: "zeros" } })

/** The parameters of head k. */
const parametersOf = (
  k: number,
  { blocks, vocabulary }: { readonly blocks: number; readonly vocabulary: "own" | "target" },
  { D, d, V }: Readonly<Record<"D" | "d" | "V", number>>,
): ReadonlyArray<readonly [string, HeadParameter]> => {
  const columns = D + k * d
  return [
    [`heads.${k}.residual.weight`, { shape: [D, columns], init: { kind: "identity" } }],
    ...Array.from({ length: blocks }, (_, b) => [
      [`heads.${k}.blocks.${b}.weight`, zeros(D, b === 0 ? columns : D)] as const,
      [`heads.${k}.blocks.${b}.bias`, zeros(D)] as const,
    ]).flat(),
    ...(vocabulary === "own"
      ? [[`heads.${k}.head.weight`, { shape: [V, D], init: { kind: "target head" } }] as const]
      : []),
  ]
}

/** The state of head k, [M, D], from its input [M, D + k d]. */
const stateOf = (parameters: Parameters, k: number, blocks: number, x_Mc: tf.Tensor2D): tf.Tensor2D => {
  const matrix = (name: string) => parameters.get(`heads.${k}.${name}.weight`) as unknown as tf.Tensor2D
  let x = x_Mc
  for (let b = 0; b < blocks; b++) {
    const bias_D = parameters.get(`heads.${k}.blocks.${b}.bias`) as unknown as tf.Tensor1D
    const u_MD = linear(x, matrix(`blocks.${b}`), bias_D)
    const kept_MD = b === 0 ? linear(x, matrix("residual")) : x
    x = tf.add(kept_MD, tf.mul(u_MD, tf.sigmoid(u_MD)))
  }
  return x
}

/** The heads; each has a residual matrix, blocks and, unless it uses the target's, a vocabulary head. */
export const hydra = defineHead({
  name: "hydra",
  reads: ["targetHidden", "targetEmbedding", "targetHead"],
  options: type({
    "+": "reject",
    // The paper's number for a vicuna of 7 billion parameters; each head more is right less often.
    heads: "1 <= number.integer <= 16 = 4",
    // Blocks of a head: 1 in Hydra, 4 in Hydra++.
    blocks: "1 <= number.integer <= 8 = 1",
    // "own" as in the released code; "target" trains no vocabulary head, which is most of the parameters.
    vocabulary: "'own' | 'target' = 'own'",
    // Factor from one head's loss to the next: 1 as in the released code, 0.8 in Medusa's paper.
    decay: "0 < number <= 1 = 1",
  }),
  make: ({ heads, decay, ...form }, { hiddenSize: D, streamSize: d = D, vocabularySize: V }) => {
    const numbers = Array.from({ length: heads }, (_, i) => i + 1)
    return {
      parameters: new Map(numbers.flatMap((k) => parametersOf(k, form, { D, d, V }))),
      rows: (parameters, problem, { targetHidden, targetEmbedding, targetHead }) => {
        const { ids_BT } = problem
        const flat_ND = tf.reshape(targetHidden, [-1, D])
        return numbers.map((k) => {
          const { at_M, row_M } = rowsAhead(problem, k)
          const states_MD = tf.gather(flat_ND, tf.tensor1d(row_M, "int32"))
          const tokens_M = (i: number) =>
            tf.tensor1d(
              Int32Array.from(row_M, (row) => ids_BT[row + i]!),
              "int32",
            )
          const embedded = numbers.slice(0, k).map((i) => columns(embedding(targetEmbedding, tokens_M(i)), d))
          const x_Mc = tf.concat([states_MD, ...embedded], 1) as tf.Tensor2D
          return {
            h_Md: stateOf(parameters, k, form.blocks, x_Mc),
            head_Vd: parameters.get(`heads.${k}.head.weight`) ?? targetHead,
            at_M,
            weight: decay ** (k - 1),
          }
        })
      },
    }
  },
})

/** The first columns: an embedding that is the vocabulary head as well may have a bias behind them. */
const columns = (x: tf.Tensor2D, count: number): tf.Tensor2D =>
  x.shape[1] === count ? x : tf.slice2d(x, [0, 0], [-1, count])
