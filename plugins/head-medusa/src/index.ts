/**
 * Medusa's heads on a frozen target: the k-th predicts the token k after next from the target's last hidden state alone.
 *
 * Letters: K heads, V vocabulary, D hidden size of the target.
 * @source Cai et al., "Medusa: Simple LLM Inference Acceleration Framework with Multiple Decoding Heads", 2024 (arXiv
 * 2401.10774), section 2.1.1: softmax(W2 (SiLU(W1 h) + h)), W1 begins at 0 and W2 as the target's head
 */
import { defineHead, type HeadParameter, InvalidInput } from "@winnow/core"
import { hidden, type OffsetCell, offsetHead } from "@winnow/heads"
import { type CircuitInstruction, targetWeights } from "@winnow/models"
import { type } from "arktype"
import { engineFolder } from "./engines.ts"

/** A residual block: to = from + silu(W from + b). */
const block = (from: string, to: string, name: string, bias: boolean): ReadonlyArray<CircuitInstruction> => [
  { op: "concat", from: [from], to },
  {
    ...{ op: "linear", from, to, activation: "silu", add: true },
    of: [{ weight: `${name}.weight`, bias: bias ? `${name}.bias` : undefined }],
  },
]

/** The scale of the norm of a layer's states. */
const norm = "norm.weight"

/** The heads. Their parameters have the names of vLLM's Medusa. */
export const medusa = defineHead({
  name: "medusa",
  reads: ["targetHidden", "targetLayers", "targetEmbedding", "targetHead"],
  options: type({
    "+": "reject",
    // K: the tokens of a proposal. The paper's heads 4 and 5 are right for one token in seven; a small target pays for each.
    heads: "1 <= number.integer <= 16 = 3",
    // Residual blocks of a head, each with weights of its own; the paper takes 1.
    blocks: "1 <= number.integer <= 8 = 1",
    // "own": a vocabulary head each, which begins as the target's. "target": all read the target's, which stays frozen.
    vocabulary: "'own' | 'target' = 'own'",
    // A bias in each block, as the paper's code has it.
    bias: "boolean = true",
    // The states to read: the last layer's after the final norm, or those of a layer below it, with a norm of the head's
    // own before its blocks; 0 is the embedding.
    layer: type("'last' | number.integer >= 0").default("last"),
    // Factor from one head's loss to the next; the paper's lambda, 0.8.
    decay: "0 < number <= 1 = 0.8",
  }),
  make: ({ heads, blocks, vocabulary, bias, layer, decay }, target) => {
    const { hiddenSize: D, vocabularySize: V } = target
    const parameters = new Map<string, HeadParameter>()
    const between = layer !== "last"
    if (between && (target.streamSize ?? D) !== D) {
      const problems = [
        "layer: the target's vocabulary head has a bias, a column that states between layers lack; use last",
      ]
      throw new InvalidInput({ what: "head medusa", problems })
    }
    // One norm for all heads: layers differ in size by a factor of ten and more.
    if (between) parameters.set(norm, { shape: [D], init: { kind: "ones" } })
    const cells = Array.from({ length: heads }, (_, k): OffsetCell => {
      const names = Array.from({ length: blocks }, (_, j) => `blocks.${k}.layers.${j}`)
      for (const name of names) {
        parameters.set(`${name}.weight`, { shape: [D, D], init: { kind: "zeros" } })
        if (bias) parameters.set(`${name}.bias`, { shape: [D], init: { kind: "zeros" } })
      }
      const head = vocabulary === "own" ? `lm_heads.${k}.weight` : targetWeights.head
      if (vocabulary === "own") parameters.set(head, { shape: [V, D], init: { kind: "target head" } })
      const slots = [between ? "normed" : hidden, ...names.map((_, j) => `block ${j + 1}`)]
      return {
        instructions: [
          ...(between
            ? ([{ op: "norm", from: hidden, to: "normed", kind: "rms", scale: norm, eps: 1e-6 }] as const)
            : []),
          ...names.flatMap((name, j) => block(slots[j]!, slots[j + 1]!, name, bias)),
        ],
        tokens: 0,
        output: slots[blocks]!,
        head,
        weight: decay ** k,
      }
    })
    const folder = { heads, blocks, bias, tied: vocabulary === "target" }
    return {
      ...offsetHead(target, { parameters, cells, ...(between && { layer }) }),
      folderFor: (engine, values) => {
        if (!between) return engineFolder(engine, folder, target, values)
        const problems = [
          `it reads layer ${layer}, and engines give Medusa's heads the last states; train one with layer last`,
        ]
        throw new InvalidInput({ what: "head medusa", problems })
      },
    }
  },
})
