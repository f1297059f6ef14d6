/** 012-starts: does TMI tell which start becomes the best draft? README.md has the question and the prediction. */
import type { MeasureUse, TaskUse } from "@winnow/core"
import { none } from "@winnow/filter-none"
import { arm, bpe, defineExperiment, fresh, ranking } from "@winnow/lab"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { kl } from "@winnow/loss-kl"
import { exactAnswers } from "@winnow/measure-exact-answers"
import { llama } from "@winnow/model-llama"
import { hScore } from "@winnow/score-h"
import { knn } from "@winnow/score-knn"
import { logMe } from "@winnow/score-logme"
import { perplexity } from "@winnow/score-perplexity"
import { probe } from "@winnow/score-probe"
import { size } from "@winnow/score-size"
import { tmiKnn } from "@winnow/score-tmi-knn"
import { tmiTrace } from "@winnow/score-tmi-trace"
import { zeroShot } from "@winnow/score-zero-shot"
import { arithmetic, arithmeticLarge, type Setup } from "@winnow/setups"
import { alpaca } from "@winnow/task-alpaca"
import { arithmetic as arithmeticTask } from "@winnow/task-arithmetic"
import { banking77 } from "@winnow/task-banking77"
import { clinc150 } from "@winnow/task-clinc150"
import { gsm8k } from "@winnow/task-gsm8k"
import { sst2 } from "@winnow/task-sst2"
import { trec } from "@winnow/task-trec"
import { type Candidate, type Shape, startsOf } from "./starts.ts"

/** TMI as released, and on two scales; the scores of separability; the controls. */
const scores = {
  tmi: tmiKnn(),
  "tmi-rms": tmiKnn({ scale: "rms", floor: 1e-3, floorIn: "medians", perDimension: true }),
  "tmi-standard": tmiKnn({ scale: "standard", floor: 1e-3, floorIn: "medians", perDimension: true }),
  "tmi-trace": tmiTrace({ scale: "rms", perDimension: true }),
  h: hScore(),
  logme: logMe(),
  knn: knn({ k: 3 }),
  probe: probe(),
  perplexity: perplexity(),
  size: size(),
}

/** Ages on the draft's own text, and two other domains at two ages each, over four families. */
const draftStarts: ReadonlyArray<Candidate> = [
  ...[0, 1, 2, 4, 8, 16].map((age) => ["llama", "own", age] as const),
  ...[4, 16].map((age) => ["llama", "near", age] as const),
  ...[4, 16].map((age) => ["llama", "alpaca", age] as const),
  ["llama", "banking", 8],
  ...[2, 8].map((age) => ["neox", "own", age] as const),
  ["neox", "alpaca", 8],
  ...[2, 8].map((age) => ["gpt2", "own", age] as const),
  ["gpt2", "alpaca", 8],
  ["qwen3", "own", 4],
]

interface Sizes {
  /** Steps of an age of 1. */
  readonly unit: number
  /** Steps of the distillation. */
  readonly steps: number
  readonly batchSize: number
}

/** Each start distilled alike from the set-up's target, its rate searched. */
const drafts = (
  name: string,
  setup: Setup,
  shape: Shape,
  { near, unit, steps, batchSize }: Sizes & { readonly near: TaskUse },
) => {
  const domains = { near, alpaca: alpaca(), banking: banking77() }
  const starts = startsOf(draftStarts, shape, domains, { unit, batchSize })
  const budget = { steps, batchSize, optimizer: { warmup: Math.round(steps / 10) } }
  return defineExperiment({
    ...setup,
    name: `starts, ${name}`,
    question: "Does TMI tell which start is accepted most after the same distillation, beyond zero-shot acceptance?",
    arms: Object.fromEntries(
      Object.entries(starts).map(([start, of]) => [start, arm({ filter: none(), loss: kl(), ...budget, start: of })]),
    ),
    study: ranking({
      scores: { ...scores, "zero-shot": zeroShot() },
      ...{ labels: "target", tokens: 8192, classes: 64, perClass: 16, layers: "all" },
    }),
    primary: "greedy",
    seeds: [1, 2, 3, 4, 5],
    sweep: { over: { "optimizer.learningRate": [3e-3, 9e-3] }, prompts: 100 },
    measure: { ...setup.measure, prompts: 100, timedPrompts: 1 },
  })
}

/** Two ages of three domains in two families, a later age of each domain, and one start without pretraining. */
const labelledStarts = (domains: ReadonlyArray<string>): ReadonlyArray<Candidate> => [
  ["llama", "none", 0],
  ...domains.flatMap((domain) => [
    ...[2, 6].flatMap((age) => [["llama", domain, age] as const, ["neox", domain, age] as const]),
    ["llama", domain, 12] as const,
  ]),
]

interface Labelled {
  readonly task: TaskUse
  /** Texts of the pretraining. */
  readonly domains: Readonly<Record<string, TaskUse>>
  readonly steps: number
  readonly perClass: number | "all"
}

/** Each start trained alike on the labels of a set, as TMI is tried by its authors: the accuracy that it reaches. */
const labelled = (name: string, { task, domains, steps, perClass }: Labelled) => {
  const shape = { vocabulary: 1024, width: 48, layers: 2, heads: 2, length: 192 }
  const measure: MeasureUse = exactAnswers()
  const starts = startsOf(labelledStarts(Object.keys(domains)), shape, domains, { unit: 25, batchSize: 32 })
  const budget = { steps, batchSize: 32, optimizer: { warmup: Math.round(steps / 10) } }
  const of = { vocab_size: 1024, max_position_embeddings: 192 }
  return defineExperiment({
    name: `starts, ${name}`,
    question: "Does TMI tell which start is the most accurate on a labelled set after the same training?",
    task,
    tokenizer: bpe({ vocabulary: 1024 }),
    maxLength: 160,
    target: fresh(llama({ ...of, hidden_size: 96, num_hidden_layers: 3, num_attention_heads: 4 }), {
      steps,
      batchSize: 32,
      optimizer: { learningRate: 2e-3, warmup: 30, schedule: "cosine" },
    }),
    draft: { start: fresh(llama({ ...of, hidden_size: 48, num_hidden_layers: 2, num_attention_heads: 2 })) },
    arms: Object.fromEntries(
      Object.entries(starts).map(([start, of]) => [
        start,
        arm({ filter: none(), loss: crossEntropy(), ...budget, start: of }),
      ]),
    ),
    study: ranking({
      scores,
      ...{ labels: "answer", split: "train", classes: 150, perClass, layers: "all" },
      ...{ reached: measure, beside: "perplexity" },
    }),
    measures: ["acceptance", measure],
    seeds: [1, 2, 3, 4, 5],
    sweep: { over: { "optimizer.learningRate": [3e-3, 9e-3] }, by: measure, prompts: 200 },
    measure: { prompts: 200, maxNew: 24, gammas: [4], gamma: 4, timedPrompts: 1 },
  })
}

export default {
  arithmetic: drafts(
    "arithmetic",
    arithmetic,
    { vocabulary: 768, width: 48, layers: 2, heads: 2, length: 256 },
    // Problems of three calculations with larger numbers; the set-up's own have one or two.
    {
      near: arithmeticTask({ minSteps: 3, maxSteps: 3, largest: 999, operand: 99 }),
      unit: 25,
      steps: 150,
      batchSize: 16,
    },
  ),
  // All training texts, as in the authors' protocol; the other sets have equally many of each class.
  trec: labelled("TREC", {
    task: trec(),
    domains: { alpaca: alpaca(), banking: banking77(), sst2: sst2() },
    ...{ steps: 200, perClass: "all" },
  }),
  banking77: labelled("BANKING77", {
    task: banking77(),
    domains: { alpaca: alpaca(), sst2: sst2(), trec: trec() },
    ...{ steps: 400, perClass: 32 },
  }),
  clinc150: labelled("CLINC150", {
    task: clinc150(),
    domains: { alpaca: alpaca(), sst2: sst2(), trec: trec() },
    ...{ steps: 400, perClass: 20 },
  }),
  sst2: labelled("SST-2", {
    task: sst2(),
    domains: { alpaca: alpaca(), banking: banking77(), trec: trec() },
    ...{ steps: 200, perClass: 1000 },
  }),
}

/** Four layers of width 128 under a target of 19M parameters. */
export const large = {
  arithmetic: drafts(
    "arithmetic, large",
    arithmeticLarge,
    { vocabulary: 2048, width: 128, layers: 4, heads: 4, length: 512 },
    { near: gsm8k({}), unit: 250, steps: 1500, batchSize: 64 },
  ),
}
