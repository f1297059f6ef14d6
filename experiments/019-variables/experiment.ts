/** 019-variables: what can a light head read off a frozen target, and on which layer? README.md has the question and the prediction. */
import type { VariableUse } from "@winnow/core"
import { none } from "@winnow/filter-none"
import { medusa } from "@winnow/head-medusa"
import {
  bracketDepth,
  capital,
  distanceToEnd,
  lastNumber,
  linePosition,
  mlp,
  noise,
  operation,
  parity,
  runningParity,
  tokenKind,
  tokenLength,
  topic,
} from "@winnow/head-mlp"
import { arm, bpe, defineExperiment, fresh, head, layers, variables } from "@winnow/lab"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { kl } from "@winnow/loss-kl"
import { accuracy } from "@winnow/measure-accuracy"
import { agreement } from "@winnow/measure-agreement"
import { drift } from "@winnow/measure-drift"
import { heldOutLoss } from "@winnow/measure-held-out-loss"
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
import { codealpaca } from "@winnow/task-codealpaca"

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
/** A target of six layers, on arithmetic. */
const sixLayers = {
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
} as const
/** Each layer, the embedding first; the last one after the final norm. */
const eachLayer = Array.from({ length: depth + 1 }, (_, l) => [l, l === depth ? ("last" as const) : l] as const)
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
  ...sixLayers,
  draft: { start: head(mlp({ variable: tokenKind() })) },
  arms: Object.fromEntries(
    Object.entries(ofLayers).flatMap(([name, variable]) =>
      eachLayer.map(([l, layer]) => {
        const start = head(mlp({ variable, layer, layers: 1, width: 64, bins: 16 }))
        return [`${name}-${l}`, arm({ ...budget, steps: 200, start })] as const
      }),
    ),
  ),
  study: layers({ scores, reached: accuracy({ objective }), about: "probe", perClass: 100, tokens: 16_384 }),
  measures: [accuracy({ objective })],
  seeds: [1, 2, 3, 4, 5],
  measure: { prompts: 100 },
})

/** Draft heads on each layer of the same target: two heads of Medusa, distilled. */
const draftsOnLayers = defineExperiment({
  name: "layers, draft heads",
  question: "Which scores of a frozen layer's states tell where Medusa's heads agree the most with the target?",
  ...sixLayers,
  draft: { start: head(medusa({ heads: 2 })) },
  arms: Object.fromEntries(
    eachLayer.map(([l, layer]) => {
      const start = head(medusa({ heads: 2, layer, vocabulary: "target" }))
      return [`medusa-${l}`, arm({ ...budget, loss: kl(), steps: 200, start })] as const
    }),
  ),
  study: layers({ scores, reached: agreement({ objective }), about: "lens", perClass: 100, tokens: 16_384 }),
  measures: [agreement({ objective })],
  seeds: [1, 2, 3, 4, 5],
  measure: { prompts: 100 },
})

/** Variables of code, from functions of the next token to those that it says nothing of. */
const ofCode: Readonly<Record<string, VariableUse>> = {
  kind: tokenKind(),
  capital: capital(),
  length: tokenLength(),
  brackets: bracketDepth(),
  line: linePosition(),
  end: distanceToEnd(),
  topic: topic({
    words: [
      ["sql", "select "],
      ["html", "css", "javascript", "function "],
      ["java", "public "],
      ["python", "def "],
    ],
  }),
  parity: parity(),
  memory: runningParity(),
  noise: noise(),
}
/** Variables whose previous value is known while a text is read. */
const known = ["brackets", "memory", "parity", "kind"]

const maxLength = 192
const read = (variable: VariableUse, more: { readonly previous?: boolean } = {}) =>
  mlp({ variable, layers: 2, width: 128, bins: 16, ...more })

/** Each variable on the frozen target, with a copy of the target trained along, and some with their previous value. */
const onCode = defineExperiment({
  name: "variables",
  question:
    "Does a frozen head's skill follow what the next token tells of a variable, and what does full fine-tuning add?",
  task: codealpaca(),
  tokenizer: bpe({ vocabulary: 1024 }),
  maxLength,
  target: fresh(
    llama({
      ...{ vocab_size: 1024, hidden_size: 128, num_hidden_layers: 4, num_attention_heads: 4 },
      max_position_embeddings: 256,
    }),
    { steps: 1200, batchSize: 16, objective, optimizer: { learningRate: 3e-3, warmup: 60, schedule: "cosine" } },
  ),
  draft: { start: head(read(tokenKind())) },
  arms: Object.fromEntries(
    Object.entries(ofCode).flatMap(([name, variable]) => {
      const readBy = (start: ReturnType<typeof head>) => arm({ ...budget, steps: 200, start })
      const previous = known.includes(name)
        ? [[`${name}-previous`, readBy(head(read(variable, { previous: true })))] as const]
        : []
      return [
        [name, readBy(head(read(variable)))] as const,
        [`${name}-full`, readBy(head(read(variable), { trunk: "trained" }))] as const,
        ...previous,
      ]
    }),
  ),
  study: variables({ reached: accuracy({ objective }) }),
  measures: [accuracy({ objective }), heldOutLoss({ objective }), drift({ objective })],
  seeds: [1, 2, 3, 4, 5],
  measure: { prompts: 100 },
})

export default { layers: onLayers, drafts: draftsOnLayers, variables: onCode }
