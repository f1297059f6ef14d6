/**
 * 001-quickstart: a choice of tokens against chance on generated word problems, in minutes. README.md has the outcome.
 */
import { adaspec } from "@winnow/filter-adaspec"
import { focusFinetune } from "@winnow/filter-focus-finetune"
import { none } from "@winnow/filter-none"
import { random } from "@winnow/filter-random"
import { arm, bpe, defineExperiment, distilled, fresh } from "@winnow/lab"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { jsd } from "@winnow/loss-jsd"
import { kl } from "@winnow/loss-kl"
import { reverseKl } from "@winnow/loss-reverse-kl"
import { tvd } from "@winnow/loss-tvd"
import { tvdPlusPlus } from "@winnow/loss-tvd-plus-plus"
import { gptNeox } from "@winnow/model-gpt-neox"
import { llama } from "@winnow/model-llama"
import { arithmetic } from "@winnow/task-arithmetic"

const vocabulary = 768
/** All arms have the same optimizer steps, batches and rate: the comparison is about the use of a step. */
const budget = { steps: 250, batchSize: 16, optimizer: { learningRate: 3e-3, warmup: 20 } }

export default defineExperiment({
  name: "quickstart",
  question: "With the same steps on 40 % of the tokens, does choosing these help a tiny draft more than chance does?",
  // One or two steps with numbers to 40: a target of 0.8M parameters solves most of them after half a minute.
  task: arithmetic({ largest: 40 }),
  // A number is one token: with single digits the same target solves a third.
  tokenizer: bpe({ vocabulary, splitDigits: false }),
  maxLength: 128,
  target: fresh(
    llama({
      vocab_size: vocabulary,
      hidden_size: 128,
      num_hidden_layers: 3,
      num_attention_heads: 4,
      max_position_embeddings: 256,
    }),
    {
      steps: 1300,
      batchSize: 16,
      optimizer: { learningRate: 4e-3, warmup: 40, schedule: "cosine" },
    },
  ),
  draft: {
    start: fresh(
      llama({
        vocab_size: vocabulary,
        hidden_size: 48,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        max_position_embeddings: 256,
      }),
      { steps: 100, batchSize: 16, optimizer: { learningRate: 3e-3, warmup: 20 } },
    ),
  },
  reference: distilled({ filter: none(), loss: kl(), ...budget }),
  arms: {
    random: arm({ filter: random({ k: 0.4 }), loss: kl(), ...budget }),
    "all-tokens": arm({ filter: none(), loss: kl(), ...budget }),
    adaspec: arm({ filter: adaspec({ k: 0.4 }), loss: kl(), ...budget }),
    "focus-finetune": arm({ filter: focusFinetune({ k: 0.4 }), loss: kl(), ...budget }),
    bottom: arm({ filter: adaspec({ k: 0.4, order: "bottom" }), loss: kl(), ...budget }),
  },
  about: "adaspec",
  seeds: [1, 2, 3, 4, 5],
  measure: { prompts: 200, maxNew: 80, gammas: [1, 2, 4, 8], gamma: 4, temperature: 1, timedPrompts: 8 },
  plugins: [
    adaspec,
    focusFinetune,
    none,
    random,
    crossEntropy,
    jsd,
    kl,
    reverseKl,
    tvd,
    tvdPlusPlus,
    llama,
    gptNeox,
    arithmetic,
  ],
})
