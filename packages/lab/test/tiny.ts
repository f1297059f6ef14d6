/** A tiny experiment for tests: seconds, not minutes. */
import { defineFilter, defineLoss, defineTask } from "@winnow/core"
import { llama } from "@winnow/model-llama"
import { topFraction } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { Effect } from "effect"
import { arm, byte, defineExperiment, distilled, fresh } from "../src/index.ts"

/** Says a letter ten times. */
export const echo = defineTask({
  name: "echo",
  options: type({ "+": "reject", letters: "1 <= number.integer <= 26 = 12" }),
  make: ({ letters }) => {
    const examples = Array.from({ length: letters }, (_, i) => String.fromCharCode(97 + i)).map((letter) => ({
      prompt: `${letter}:`,
      answer: letter.repeat(10),
    }))
    return Effect.succeed({
      examples: () => examples,
      sharesPrompts: true,
      score: (example: { answer: string }, text: string) => text === example.answer,
    })
  },
})

export const everything = defineFilter({
  name: "everything",
  needs: [],
  options: type({ "+": "reject" }),
  make:
    () =>
    ({ N }) =>
      new Uint8Array(N).fill(1),
})

export const behind = defineFilter({
  name: "behind",
  needs: ["draftLoss_N", "referenceLoss_N"],
  options: type({ "+": "reject", k: "0 < number <= 1 = 0.5" }),
  make:
    ({ k }) =>
    ({ draftLoss_N, referenceLoss_N }) =>
      topFraction(
        draftLoss_N.map((x, n) => x - referenceLoss_N[n]!),
        k,
      ),
})

export const squares = defineLoss({
  name: "squares",
  target: true,
  options: type({ "+": "reject" }),
  make: () => ({ value: ({ draft, target }) => tf.sum(tf.squaredDifference(draft.p_RV(), target.p_RV()), 1) }),
})

/** A model for byte() of this hidden size. */
export const tinyModel = (hidden_size: number) =>
  llama({
    vocab_size: 257,
    hidden_size,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    max_position_embeddings: 32,
  })
const budget = { steps: 6, batchSize: 4, optimizer: { warmup: 2 } }

export const tiny = defineExperiment({
  name: "tiny",
  question: "Does it run?",
  task: echo(),
  tokenizer: byte(),
  maxLength: 16,
  target: fresh(tinyModel(32), { steps: 80, batchSize: 8, optimizer: { learningRate: 0.01, warmup: 5 } }),
  draft: { start: fresh(tinyModel(8), { steps: 4, batchSize: 4, optimizer: { warmup: 2 } }) },
  reference: distilled({ filter: everything(), loss: squares(), ...budget }),
  arms: {
    all: arm({ filter: everything(), loss: squares(), ...budget }),
    behind: arm({ filter: behind({ k: 0.5 }), loss: squares(), ...budget }),
  },
  seeds: [1, 2],
  measure: { prompts: 6, maxNew: 12, gammas: [1, 2], gamma: 2, timedPrompts: 2 },
  plugins: [everything, behind, squares, llama],
})
