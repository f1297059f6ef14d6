/** 014-vocabulary: how many ids does a draft need to propose? README.md has the question and the prediction. */
import { none } from "@winnow/filter-none"
import { arm, artifactOf, defineExperiment } from "@winnow/lab"
import { kl } from "@winnow/loss-kl"
import { llama } from "@winnow/model-llama"
import { onText } from "@winnow/setups"
import { gsm8k } from "@winnow/task-gsm8k"

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
  ...onText(gsm8k({}), 1000, 128, 4096),
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
