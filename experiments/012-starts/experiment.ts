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
  const budget = { steps, batchSize, optimizer: { warmup: Math.round(steps / 10), schedule: "cosine" } } as const
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
    sweep: { over: { "optimizer.learningRate": [1.5e-3, 4.5e-3, 1.35e-2, 4.05e-2] }, prompts: 100 },
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

/** The widths and budgets of the labelled parts. */
interface LabelledSize {
  /** The shape of every start. */
  readonly shape: Shape
  readonly target: { readonly width: number; readonly layers: number; readonly heads: number }
  /** Factor on all steps. */
  readonly longer: number
  readonly learningRates: ReadonlyArray<number>
}

interface Labelled {
  readonly task: TaskUse
  /** Texts of the pretraining. */
  readonly domains: Readonly<Record<string, TaskUse>>
  readonly steps: number
  readonly perClass: number | "all"
}

/** Each start trained alike on the labels of a set, as TMI is tried by its authors: the accuracy that it reaches. */
const labelled = (
  name: string,
  { task, domains, steps: short, perClass }: Labelled,
  { shape, target, longer, learningRates }: LabelledSize,
) => {
  const steps = longer * short
  const measure: MeasureUse = exactAnswers()
  const starts = startsOf(labelledStarts(Object.keys(domains)), shape, domains, { unit: 25 * longer, batchSize: 32 })
  const budget = { steps, batchSize: 32, optimizer: { warmup: Math.round(steps / 10), schedule: "cosine" } } as const
  const { vocabulary } = shape
  const sized = ({ width, layers, heads }: LabelledSize["target"]) =>
    llama({
      vocab_size: vocabulary,
      max_position_embeddings: shape.length,
      hidden_size: width,
      num_hidden_layers: layers,
      num_attention_heads: heads,
    })
  return defineExperiment({
    name: `starts, ${name}`,
    question: "Does TMI tell which start is the most accurate on a labelled set after the same training?",
    task,
    tokenizer: bpe({ vocabulary }),
    maxLength: 160,
    target: fresh(sized(target), {
      steps,
      batchSize: 32,
      optimizer: { learningRate: 2e-3, warmup: 30, schedule: "cosine" },
    }),
    draft: { start: fresh(sized(shape)) },
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
    sweep: { over: { "optimizer.learningRate": [...learningRates] }, by: measure, prompts: 200 },
    measure: { prompts: 200, maxNew: 24, gammas: [4], gamma: 4, timedPrompts: 1 },
  })
}

/** Each labelled set at one size. */
const sets = (size: LabelledSize) => ({
  // All training texts, as in the authors' protocol; the other sets have equally many of each class.
  trec: labelled(
    "TREC",
    {
      task: trec(),
      domains: { alpaca: alpaca(), banking: banking77(), sst2: sst2() },
      ...{ steps: 200, perClass: "all" },
    },
    size,
  ),
  banking77: labelled(
    "BANKING77",
    {
      task: banking77(),
      domains: { alpaca: alpaca(), sst2: sst2(), trec: trec() },
      ...{ steps: 400, perClass: 32 },
    },
    size,
  ),
  clinc150: labelled(
    "CLINC150",
    {
      task: clinc150(),
      domains: { alpaca: alpaca(), sst2: sst2(), trec: trec() },
      ...{ steps: 400, perClass: 20 },
    },
    size,
  ),
  sst2: labelled(
    "SST-2",
    {
      task: sst2(),
      domains: { alpaca: alpaca(), banking: banking77(), trec: trec() },
      ...{ steps: 200, perClass: 1000 },
    },
    size,
  ),
})

const small: LabelledSize = {
  shape: { vocabulary: 1024, width: 48, layers: 2, heads: 2, length: 192 },
  target: { width: 96, layers: 3, heads: 4 },
  longer: 1,
  learningRates: [5e-4, 1.5e-3, 4.5e-3, 1.35e-2, 4.05e-2],
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
  ...sets(small),
}

/** Four layers of width 128; for acceptance under a target of 19M parameters. */
export const large = {
  arithmetic: drafts(
    "arithmetic, large",
    arithmeticLarge,
    { vocabulary: 2048, width: 128, layers: 4, heads: 4, length: 512 },
    { near: gsm8k({}), unit: 250, steps: 1500, batchSize: 64 },
  ),
  ...sets({
    shape: { vocabulary: 4096, width: 128, layers: 4, heads: 4, length: 192 },
    target: { width: 384, layers: 6, heads: 6 },
    longer: 8,
    learningRates: [5e-4, 1.5e-3, 4.5e-3],
  }),
}
