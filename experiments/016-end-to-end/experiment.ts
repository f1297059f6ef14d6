/**
 * 016-end-to-end: from several starts to an exported draft of a fine-tuned target, each step taking what validation chose
 * before. README.md has the question and the prediction, docs/end-to-end.md walks through it.
 */
import type { TaskUse } from "@winnow/core"
import { mahalanobis } from "@winnow/filter-mahalanobis"
import { none } from "@winnow/filter-none"
import { random } from "@winnow/filter-random"
import { rawLoss } from "@winnow/filter-raw-loss"
import { eagle } from "@winnow/head-eagle"
import {
  arm,
  artifactOf,
  bpe,
  defineExperiment,
  fresh,
  head,
  privatePart,
  scored,
  steps,
  taskText,
  tuned,
  written,
} from "@winnow/lab"
import { kl } from "@winnow/loss-kl"
import { gptNeox } from "@winnow/model-gpt-neox"
import { llama } from "@winnow/model-llama"
import { knn } from "@winnow/score-knn"
import { perplexity } from "@winnow/score-perplexity"
import { size } from "@winnow/score-size"
import { zeroShot } from "@winnow/score-zero-shot"
import { alpaca } from "@winnow/task-alpaca"
import { arithmetic } from "@winnow/task-arithmetic"
import { gsm8k } from "@winnow/task-gsm8k"

/** The text and the models of a preset, and the length of each training. */
interface Shape {
  /** The text that the base target knows, and the domain that it is fine-tuned to. */
  readonly general: TaskUse
  readonly domain: TaskUse
  readonly vocabulary: number
  readonly maxLength: number
  readonly target: { readonly width: number; readonly layers: number; readonly heads: number }
  readonly draft: { readonly width: number; readonly layers: number; readonly heads: number }
  /** Columns of the private part. */
  readonly privateSize: number
  /** Steps of the base target, of its fine-tuning, of the draft for the base, and of its adaptation. */
  readonly steps: { readonly base: number; readonly tuned: number; readonly draft: number; readonly adapt: number }
  /** Steps of a start of age 1. */
  readonly age: number
  readonly batchSize: number
  readonly rate: number
  /** Prompts that a target writes after, and most tokens of a text. */
  readonly prompts: number
  readonly maxNew: number
  readonly states: { readonly tokens: number; readonly classes: number; readonly perClass: number | "all" }
  readonly seeds: ReadonlyArray<number>
  /** Rates of the search, and its prompts; left out, all arms have one rate. */
  readonly search?: { readonly rates: ReadonlyArray<number>; readonly prompts: number }
  readonly measured: { readonly prompts: number; readonly timedPrompts: number }
}

const full: Shape = {
  general: alpaca({}),
  domain: gsm8k({}),
  vocabulary: 1024,
  maxLength: 256,
  target: { width: 192, layers: 3, heads: 6 },
  draft: { width: 64, layers: 2, heads: 2 },
  privateSize: 50,
  steps: { base: 800, tuned: 400, draft: 300, adapt: 150 },
  age: 100,
  batchSize: 16,
  rate: 2e-3,
  prompts: 1200,
  maxNew: 128,
  states: { tokens: 8192, classes: 64, perClass: 16 },
  seeds: [1, 2, 3, 4, 5],
  search: { rates: [1e-3, 3e-3, 9e-3], prompts: 40 },
  measured: { prompts: 100, timedPrompts: 4 },
}

/** Seconds of two cores: everything runs, and no figure has a meaning. */
const tiny: Shape = {
  general: arithmetic({ minSteps: 2, maxSteps: 2, largest: 20, train: 400 }),
  domain: arithmetic({ maxSteps: 1, largest: 20, train: 400 }),
  vocabulary: 300,
  maxLength: 128,
  target: { width: 48, layers: 1, heads: 2 },
  draft: { width: 16, layers: 1, heads: 2 },
  privateSize: 4,
  steps: { base: 120, tuned: 40, draft: 12, adapt: 8 },
  age: 4,
  batchSize: 8,
  rate: 8e-3,
  prompts: 24,
  maxNew: 48,
  states: { tokens: 600, classes: 8, perClass: "all" },
  seeds: [1],
  measured: { prompts: 8, timedPrompts: 2 },
}

const chain = (name: string, shape: Shape) => {
  const { general, domain, vocabulary, draft, age, batchSize, steps: length, states, search, measured } = shape
  const sizes = { vocab_size: vocabulary, max_position_embeddings: 2 * shape.maxLength }
  const sized = (make: typeof llama | typeof gptNeox, { width, layers, heads }: Shape["draft"]) =>
    make({ ...sizes, hidden_size: width, num_hidden_layers: layers, num_attention_heads: heads })
  const base = fresh(sized(llama, shape.target), {
    steps: length.base,
    batchSize,
    optimizer: { learningRate: shape.rate, warmup: Math.round(length.base / 16), schedule: "cosine" },
    precision: "bfloat16",
    text: taskText(general),
  })
  /** A start: a family, pretrained on a text for some ages. */
  const start = (make: typeof llama | typeof gptNeox, text: TaskUse, ages: number) =>
    fresh(sized(make, draft), {
      steps: ages * age,
      batchSize,
      optimizer: { learningRate: 3e-3, warmup: Math.min(20, age) },
      text: taskText(text),
    })
  const distil = (of: number) =>
    ({
      loss: kl(),
      batchSize,
      steps: of,
      optimizer: { learningRate: 3e-3, warmup: Math.round(of / 10), schedule: "cosine" },
    }) as const
  // The base target is asked, writes the text, and knows nothing of the domain.
  const forBase = { ...distil(length.draft), target: base }
  const texts = { by: "target", prompts: shape.prompts, maxNew: shape.maxNew } as const
  const ofGeneral = { text: written({ ...texts, task: general }) }
  const ofDomain = { text: written(texts) }
  const half = { examples: mahalanobis({ general, k: 0.5 }) }
  const best = artifactOf({ best: ["given", "written", "written-hard"] })
  return defineExperiment({
    name,
    question: "Do the steps from a start to a draft of a fine-tuned target, each with what was chosen before, pay?",
    task: domain,
    tokenizer: bpe({ vocabulary }),
    maxLength: shape.maxLength,
    target: tuned(base, {
      steps: length.tuned,
      batchSize,
      optimizer: { learningRate: shape.rate / 2, warmup: Math.round(length.tuned / 20), schedule: "cosine" },
      precision: "bfloat16",
    }),
    draft: {
      start: scored({
        among: {
          untrained: fresh(sized(llama, draft)),
          "general-1": start(llama, general, 1),
          "general-4": start(llama, general, 4),
          "domain-1": start(llama, domain, 1),
          "domain-4": start(llama, domain, 4),
          "neox-general-4": start(gptNeox, general, 4),
        },
        scores: { knn: knn({ k: 3 }), "zero-shot": zeroShot(), perplexity: perplexity(), size: size() },
        ...states,
      }),
    },
    arms: {
      written: arm({ ...forBase, ...ofGeneral, filter: none() }),
      given: arm({ ...forBase, filter: none(), text: taskText(general) }),
      "written-hard": arm({ ...forBase, ...ofGeneral, filter: rawLoss({ k: 0.4 }) }),
      "written-random": arm({ ...forBase, ...ofGeneral, filter: random({ k: 0.4 }) }),
      // The start that is taken without a ranking: the first one that was trained.
      "unranked-start": arm({ ...forBase, ...ofGeneral, filter: none(), start: start(llama, general, 1) }),
      private: arm({
        ...distil(length.adapt),
        ...ofDomain,
        ...half,
        filter: none(),
        start: best,
        adapters: privatePart({ size: shape.privateSize }),
      }),
      full: arm({ ...distil(length.adapt), ...ofDomain, ...half, filter: none(), start: best }),
      // Without a draft for the base: the chosen start, for this one target, with the steps of both.
      direct: arm({ ...distil(length.draft + length.adapt), ...ofDomain, filter: none() }),
      head: arm({ ...distil(length.draft + length.adapt), ...ofDomain, filter: none(), start: head(eagle()) }),
    },
    about: "private",
    primary: "greedy",
    study: steps({
      steps: {
        distillation: ["written", "given", "written-hard", "written-random", "unranked-start"],
        adaptation: ["start:private", "private", "full", "direct", "head"],
      },
      exports: ["private", "full"],
    }),
    seeds: [...shape.seeds],
    ...(search && { sweep: { over: { "optimizer.learningRate": [...search.rates] }, prompts: search.prompts } }),
    measure: {
      prompts: measured.prompts,
      maxNew: shape.maxNew,
      gammas: [1, 2, 4, 8],
      gamma: 4,
      temperature: 1,
      timedPrompts: measured.timedPrompts,
    },
  })
}

export default chain("end to end", full)

export const smoke = chain("end to end, smoke", tiny)
