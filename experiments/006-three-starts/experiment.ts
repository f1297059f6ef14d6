/** 006-three-starts: does a score of a start predict which draft will be accepted? README.md has the outcome. */
import { none } from "@winnow/filter-none"
import { arm, defineExperiment, fresh, layersOf, ranking } from "@winnow/lab"
import { kl } from "@winnow/loss-kl"
import { knn } from "@winnow/score-knn"
import { perplexity } from "@winnow/score-perplexity"
import { arithmetic } from "@winnow/setups"

/** The same distillation for every start. */
const distilled = {
  filter: none(),
  loss: kl(),
  steps: 250,
  batchSize: 16,
  optimizer: { learningRate: 3e-3, warmup: 20 },
} as const

const { start } = arithmetic.draft
// The set-up's start is a fresh model with some pretraining.
const { model } = start as Extract<typeof start, { kind: "fresh" }>

/** Three starts by their prediction of the text, and by their hidden states. */
export default defineExperiment({
  ...arithmetic,
  name: "three-starts",
  question: "Does a score of a start tell which start the target accepts most after the same distillation?",
  arms: {
    untrained: arm({ ...distilled, start: fresh(model) }),
    pretrained: arm({ ...distilled, start: { kind: "draft" } }),
    "target-layer": arm({ ...distilled, start: layersOf("target", [0]) }),
  },
  study: ranking({ scores: { perplexity: perplexity(), knn: knn() }, tokens: 1024, top: 1 }),
  seeds: [1, 2, 3, 4, 5],
})
