/** my-experiment: README.md has the question, the prediction and the outcome. */
import { adaspec } from "@winnow/filter-adaspec"
import { none } from "@winnow/filter-none"
import { random } from "@winnow/filter-random"
import { arm, bpe, defineExperiment, distilled, fresh } from "@winnow/lab"
import { kl } from "@winnow/loss-kl"
import { llama } from "@winnow/model-llama"
import { arithmetic } from "@winnow/task-arithmetic"

const vocabulary = 768
const model = { vocab_size: vocabulary, max_position_embeddings: 256 }
/** The same steps and batches for every arm. */
const budget = { steps: 250, batchSize: 16, optimizer: { learningRate: 3e-3, warmup: 20 } }

export default defineExperiment({
  name: "my-experiment",
  question: "With the same steps, does a choice of tokens help more than chance does?",
  task: arithmetic({ largest: 40 }),
  tokenizer: bpe({ vocabulary, splitDigits: false }),
  maxLength: 128,
  target: fresh(llama({ ...model, hidden_size: 128, num_hidden_layers: 3, num_attention_heads: 4 }), {
    steps: 1300,
    batchSize: 16,
    optimizer: { learningRate: 4e-3, warmup: 40, schedule: "cosine" },
  }),
  draft: {
    start: fresh(llama({ ...model, hidden_size: 48, num_hidden_layers: 1, num_attention_heads: 2 }), {
      steps: 100,
      batchSize: 16,
      optimizer: { learningRate: 3e-3, warmup: 20 },
    }),
  },
  reference: distilled({ filter: none(), loss: kl(), ...budget }),
  arms: {
    random: arm({ filter: random({ k: 0.4 }), loss: kl(), ...budget }),
    adaspec: arm({ filter: adaspec({ k: 0.4 }), loss: kl(), ...budget }),
  },
  about: "adaspec",
  seeds: [1, 2, 3],
  measure: { prompts: 200, maxNew: 80, gammas: [1, 2, 4, 8], gamma: 4, temperature: 1, timedPrompts: 8 },
})
