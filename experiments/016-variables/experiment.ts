/** 016-variables: what can a light head read off a frozen target, and on which layer? README.md has the question and the prediction. */
import type { VariableUse } from "@winnow/core"
import { none } from "@winnow/filter-none"
import { lastNumber, linePosition, mlp, operation, tokenKind, tokenLength } from "@winnow/head-mlp"
import { arm, bpe, defineExperiment, fresh, head, layers } from "@winnow/lab"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { accuracy } from "@winnow/measure-accuracy"
import { llama } from "@winnow/model-llama"
import { wholeText } from "@winnow/objective-whole-text"
import { hScore } from "@winnow/score-h"
import { knn } from "@winnow/score-knn"
import { logitLens } from "@winnow/score-logit-lens"
import { logMe } from "@winnow/score-logme"
import { probe } from "@winnow/score-probe"
import { tmiKnn } from "@winnow/score-tmi-knn"
import { tmiTrace } from "@winnow/score-tmi-trace"
import { arithmetic } from "@winnow/task-arithmetic"

const objective = wholeText()
const optimizer = { learningRate: 3e-3, warmup: 20, schedule: "cosine" } as const
const budget = { filter: none(), loss: crossEntropy(), objective, steps: 300, batchSize: 16, optimizer }

const scores = {
  tmi: tmiKnn(),
  "tmi-std": tmiKnn({ scale: "standard", floor: 1e-3, floorIn: "medians", perDimension: true }),
  trace: tmiTrace({ scale: "standard", perDimension: true }),
  h: hScore(),
  logme: logMe(),
  knn: knn({ k: 3 }),
  probe: probe(),
  lens: logitLens(),
}

const depth = 6
const ofLayers: Readonly<Record<string, VariableUse>> = {
  kind: tokenKind(),
  length: tokenLength(),
  operation: operation(),
  number: lastNumber(),
  line: linePosition(),
}

/** A head for each variable on each layer of a target of six layers. */
const onLayers = defineExperiment({
  name: "layers",
  question: "Which scores of a frozen layer's states tell where a light head reaches the most?",
  task: arithmetic({ largest: 40 }),
  tokenizer: bpe({ vocabulary: 768, splitDigits: false }),
  maxLength: 128,
  target: fresh(
    llama({
      ...{ vocab_size: 768, hidden_size: 96, num_hidden_layers: depth, num_attention_heads: 4 },
      max_position_embeddings: 256,
    }),
    { steps: 1300, batchSize: 16, objective, optimizer: { learningRate: 3e-3, warmup: 60, schedule: "cosine" } },
  ),
  draft: { start: head(mlp({ variable: tokenKind() })) },
  arms: Object.fromEntries(
    Object.entries(ofLayers).flatMap(([name, variable]) =>
      Array.from({ length: depth + 1 }, (_, layer) => {
        const start = head(mlp({ variable, layer: layer === depth ? "last" : layer, layers: 1, width: 64, bins: 16 }))
        return [`${name}-${layer}`, arm({ ...budget, steps: 200, start })] as const
      }),
    ),
  ),
  study: layers({ scores, reached: accuracy({ objective }), about: "probe", perClass: 100, tokens: 16_384 }),
  measures: [accuracy({ objective })],
  seeds: [1, 2, 3, 4, 5],
  measure: { prompts: 100 },
})

export default { layers: onLayers }
