/** 023-wall-clock: a target that is slow enough for a draft to pay. README.md has the question and the prediction. */
import { none } from "@winnow/filter-none"
import { eagle } from "@winnow/head-eagle"
import { medusa } from "@winnow/head-medusa"
import { arm, bpe, defineExperiment, fresh, head } from "@winnow/lab"
import { kl } from "@winnow/loss-kl"
import { llama } from "@winnow/model-llama"
import { gsm8k } from "@winnow/task-gsm8k"

/** Tokens of the vocabulary. */
const vocabulary = 1024

/** A decoder of this width and depth. */
const sized = (hidden_size: number, num_hidden_layers: number, num_attention_heads: number) =>
  llama({ vocab_size: vocabulary, hidden_size, num_hidden_layers, num_attention_heads, max_position_embeddings: 512 })

/** Tokens of a proposal. */
const gamma = 4

const budget = { filter: none(), loss: kl(), batchSize: 16, steps: 300, precision: "bfloat16" } as const
const trained = { ...budget, optimizer: { learningRate: 3e-3, warmup: 20, schedule: "cosine" } } as const
/** A head of the target's width takes smaller steps than a draft a quarter as wide. */
const onTarget = (use: Parameters<typeof head>[0]) =>
  arm({ start: head(use), ...budget, optimizer: { learningRate: 1e-3, warmup: 20, schedule: "cosine" } })

export default defineExperiment({
  name: "wall clock",
  question: "On a target that memory holds up, which draft makes greedy decoding faster by the clock, and by how much?",
  task: gsm8k({}),
  tokenizer: bpe({ vocabulary }),
  maxLength: 320,
  target: fresh(sized(512, 8, 8), {
    steps: 1200,
    batchSize: 16,
    optimizer: { learningRate: 1e-3, warmup: 100, schedule: "cosine" },
    precision: "bfloat16",
  }),
  draft: {
    start: fresh(sized(128, 1, 4), {
      steps: 600,
      batchSize: 16,
      optimizer: { learningRate: 3e-3, warmup: 40 },
      precision: "bfloat16",
    }),
  },
  arms: {
    draft: arm(trained),
    eagle: onTarget(eagle()),
    medusa: onTarget(medusa({ heads: gamma, decay: 1 })),
  },
  about: "eagle",
  primary: "greedy",
  seeds: [1, 2, 3],
  measure: { prompts: 100, maxNew: 160, gammas: [1, 2, 4, 8], gamma, temperature: 1, timedPrompts: 16 },
  plugins: [none, kl, eagle, medusa],
})
