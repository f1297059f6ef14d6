/** 002-gsm8k: the quickstart's arms on real word problems. README.md has the question and the outcome. */
import { adaspec } from "@winnow/filter-adaspec"
import { focusFinetune } from "@winnow/filter-focus-finetune"
import { none } from "@winnow/filter-none"
import { random } from "@winnow/filter-random"
import { arm, defineExperiment, distilled } from "@winnow/lab"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { jsd } from "@winnow/loss-jsd"
import { kl } from "@winnow/loss-kl"
import { reverseKl } from "@winnow/loss-reverse-kl"
import { tvd } from "@winnow/loss-tvd"
import { tvdPlusPlus } from "@winnow/loss-tvd-plus-plus"
import { gptNeox } from "@winnow/model-gpt-neox"
import { llama } from "@winnow/model-llama"
import { gsm8k } from "@winnow/setups"
import { gsm8k as gsm8kTask } from "@winnow/task-gsm8k"

/**
 * All arms have the same optimizer steps, batches and rate: the comparison is about the use of a step. The target's
 * hidden states and the references' losses are computed once and read from caches.
 */
const budget = {
  steps: 800,
  batchSize: 16,
  optimizer: { learningRate: 3e-3, warmup: 50 },
  signals: { target: "hidden" },
} as const
const selective = { ...budget, signals: { target: "hidden", reference: "cached" } } as const

export default defineExperiment({
  name: "gsm8k",
  question: "On real word problems, with the same steps, does choosing the tokens help a small draft to be accepted?",
  ...gsm8k,
  reference: distilled({ filter: none(), loss: kl(), ...budget }),
  arms: {
    "all-tokens": arm({ filter: none(), loss: kl(), ...budget }),
    random: arm({ filter: random({ k: 0.4 }), loss: kl(), ...budget }),
    adaspec: arm({ filter: adaspec({ k: 0.4 }), loss: kl(), ...selective }),
    "focus-finetune": arm({ filter: focusFinetune({ k: 0.4 }), loss: kl(), ...selective }),
    "tvd-plus-plus": arm({ filter: none(), loss: tvdPlusPlus(), ...budget }),
  },
  about: "adaspec",
  seeds: [1, 2, 3],
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
    gsm8kTask,
  ],
})
