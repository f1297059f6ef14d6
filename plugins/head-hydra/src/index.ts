/**
 * Heads on a frozen target that are given the tokens before: head k predicts the token k places after the next one from
 * the target's hidden state and the embeddings of the k tokens between.
 *
 * Letters: V vocabulary, D hidden size of the target, d columns of its embedding, k the number of a head, from 1.
 * @source Ankner et al., "Hydra: Sequentially-Dependent Draft Heads for Medusa Decoding", 2024 (arXiv 2402.05109), section
 * 3: the input of head k is concat(h, e(x1), ..., e(xk)); the first block is R x + SiLU(W x), later ones x + SiLU(W x)
 */
import { defineHead, type HeadParameter } from "@winnow/core"
import { hidden, type OffsetCell, offsetHead, token } from "@winnow/heads"
import { type CircuitInstruction, targetWeights } from "@winnow/models"
import { type } from "arktype"

const zeros = (...shape: ReadonlyArray<number>): HeadParameter => ({ shape, init: { kind: "zeros" } })

/** The name of a block of head k, from 0. */
const blockName = (k: number, b: number): string => `heads.${k}.blocks.${b}`

/** The slot that block b of a head writes. */
const after = (b: number): string => `block ${b + 1}`

/** z = x + silu(W x + b); the first block has R x in the place of x. */
const blockOf = (k: number, b: number): ReadonlyArray<CircuitInstruction> => {
  const [from, to, name] = [b === 0 ? "input" : after(b - 1), after(b), blockName(k, b)]
  return [
    b === 0
      ? { op: "linear", from, to, of: [{ weight: `heads.${k}.residual.weight` }] }
      : { op: "concat", from: [from], to },
    {
      ...{ op: "linear", from, to, activation: "silu", add: true },
      of: [{ weight: `${name}.weight`, bias: `${name}.bias` }],
    },
  ]
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
  make: ({ heads, blocks, vocabulary, decay }, target) => {
    const { hiddenSize: D, streamSize: d = D, vocabularySize: V } = target
    const parameters = new Map<string, HeadParameter>()
    const cells = Array.from({ length: heads }, (_, i): OffsetCell => {
      const k = i + 1
      const columns = D + k * d
      parameters.set(`heads.${k}.residual.weight`, { shape: [D, columns], init: { kind: "identity" } })
      for (let b = 0; b < blocks; b++) {
        parameters.set(`${blockName(k, b)}.weight`, zeros(D, b === 0 ? columns : D))
        parameters.set(`${blockName(k, b)}.bias`, zeros(D))
      }
      const head = vocabulary === "own" ? `heads.${k}.head.weight` : targetWeights.head
      if (vocabulary === "own") parameters.set(head, { shape: [V, D], init: { kind: "target head" } })
      return {
        instructions: [
          { op: "concat", from: [hidden, ...Array.from({ length: k }, (_, j) => token(j + 1))], to: "input" },
          ...Array.from({ length: blocks }, (_, b) => blockOf(k, b)).flat(),
        ],
        tokens: k,
        output: after(blocks - 1),
        head,
        weight: decay ** i,
      }
    })
    return offsetHead(target, { parameters, cells })
  },
})
