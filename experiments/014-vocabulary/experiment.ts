/** 014-vocabulary: how many ids does a draft need to propose? README.md has the question and the prediction. */
import { none } from "@winnow/filter-none"
import { arm, artifactOf, bpe, defineExperiment, fresh } from "@winnow/lab"
import { kl } from "@winnow/loss-kl"
import { llama } from "@winnow/model-llama"
import { gsm8kSmall } from "@winnow/setups"

const V = 4096
const sized = (hidden_size: number, num_hidden_layers: number, num_attention_heads: number) =>
  llama({ vocab_size: V, hidden_size, num_hidden_layers, num_attention_heads, max_position_embeddings: 768 })

/** Every arm begins with the same weights and takes the same steps on the same batches. */
const budget = {
  filter: none(),
  loss: kl(),
  steps: 400,
  batchSize: 16,
  optimizer: { learningRate: 3e-3, warmup: 25 },
  signals: { target: "hidden" },
} as const

const withIds = (vocabulary: number) => arm({ ...budget, start: artifactOf("draft", { vocabulary }) })

export default defineExperiment({
  name: "vocabulary, GSM8K",
  question: "How many of the target's ids does a draft need to propose, for its acceptance and for its speed?",
  ...gsm8kSmall,
  tokenizer: bpe({ vocabulary: V }),
  target: fresh(sized(192, 3, 6), {
    steps: 1000,
    batchSize: 16,
    optimizer: { learningRate: 2e-3, warmup: 50, schedule: "cosine" },
    precision: "bfloat16",
  }),
  draft: {
    start: fresh(sized(48, 1, 2), {
      steps: 200,
      batchSize: 16,
      optimizer: { learningRate: 3e-3, warmup: 20 },
    }),
  },
  arms: {
    all: arm(budget),
    "ids-2048": withIds(2048),
    "ids-1024": withIds(1024),
    "ids-512": withIds(512),
    "ids-256": withIds(256),
  },
  about: "ids-1024",
  seeds: [1, 2, 3, 4, 5],
  plugins: [none, kl, llama],
})
