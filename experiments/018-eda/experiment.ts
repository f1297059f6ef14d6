/**
 * 018-eda: a draft of a general target meets the target that was fine-tuned to a domain. Of EDA's three parts (a private
 * part beside a frozen draft, text by the fine-tuned target, half of the examples) which one brings the gain? README.md has
 * the question and the prediction.
 */
import type { TaskUse } from "@winnow/core"
import { mahalanobis } from "@winnow/filter-mahalanobis"
import { none } from "@winnow/filter-none"
import { perplexity } from "@winnow/filter-perplexity"
import { randomExamples } from "@winnow/filter-random-examples"
import { arm, artifactOf, bpe, defineExperiment, fresh, lora, privatePart, taskText, tuned, written } from "@winnow/lab"
import { kl } from "@winnow/loss-kl"
import { llama } from "@winnow/model-llama"
import { alpaca } from "@winnow/task-alpaca"
import { codealpaca } from "@winnow/task-codealpaca"
import { gsm8k } from "@winnow/task-gsm8k"
import { onHead } from "./eagle.ts"

/** The models of a preset, and the steps of its trainings. */
interface Shape {
  readonly vocabulary: number
  readonly target: { readonly width: number; readonly layers: number; readonly heads: number }
  readonly draft: { readonly width: number; readonly layers: number; readonly heads: number }
  /** Columns of the private part, and the rank of LoRA that trains as many numbers. */
  readonly privateSize: number
  readonly rank: number
  /** Steps of the target on general text and on the domain, of the base draft, and of an adaptation. */
  readonly steps: { readonly general: number; readonly domain: number; readonly base: number; readonly adapt: number }
  /** Examples that an adaptation reads, given or written. */
  readonly examples: number
  readonly learningRates: ReadonlyArray<number>
}

const small: Shape = {
  vocabulary: 1024,
  target: { width: 192, layers: 3, heads: 6 },
  draft: { width: 64, layers: 2, heads: 2 },
  privateSize: 50,
  rank: 8,
  steps: { general: 800, domain: 400, base: 300, adapt: 150 },
  examples: 1200,
  learningRates: [1e-3, 3e-3, 9e-3],
}

/** For a machine with a GPU or many cores. */
const largeShape: Shape = {
  vocabulary: 4096,
  target: { width: 768, layers: 8, heads: 12 },
  draft: { width: 256, layers: 2, heads: 4 },
  privateSize: 193,
  rank: 32,
  steps: { general: 8000, domain: 3000, base: 4000, adapt: 1500 },
  examples: 5000,
  learningRates: [5e-4, 1e-3, 2e-3],
}

const general = alpaca({})
/** A task, and the same with fewer training examples. */
const domains = {
  math: { task: gsm8k({}), part: (maxTrain: number): TaskUse => gsm8k({ maxTrain }) },
  code: { task: codealpaca({}), part: (maxTrain: number): TaskUse => codealpaca({ maxTrain }) },
}

const adaptation = (domain: keyof typeof domains, shape: Shape) => {
  const { vocabulary, target, draft, privateSize, rank, steps, examples, learningRates } = shape
  const { task, part } = domains[domain]
  const sized = ({ width, layers, heads }: Shape["draft"]) =>
    llama({
      vocab_size: vocabulary,
      hidden_size: width,
      num_hidden_layers: layers,
      num_attention_heads: heads,
      max_position_embeddings: 512,
    })
  const base = fresh(sized(target), {
    steps: steps.general,
    batchSize: 16,
    optimizer: { learningRate: 2e-3, warmup: 50, schedule: "cosine" },
    precision: "bfloat16",
    text: taskText(general),
  })
  const common = { filter: none(), loss: kl(), batchSize: 16, signals: { target: "hidden" } } as const
  const optimizer = { learningRate: 3e-3, warmup: 15, schedule: "cosine" } as const
  const adapt = { ...common, steps: steps.adapt, optimizer, start: artifactOf({ arm: "no-adaptation" }) } as const
  const given = { text: taskText(part(examples)) }
  const byTarget = { text: written({ by: "target", prompts: examples, maxNew: 128 }) }
  const own = { adapters: privatePart({ size: privateSize }) }
  const half = { examples: mahalanobis({ general, k: 0.5 }) }
  return defineExperiment({
    name: `EDA, ${domain}`,
    question:
      "What adapts a draft to a fine-tuned target: a private part, text by that target, or the choice of examples?",
    task,
    tokenizer: bpe({ vocabulary }),
    maxLength: 256,
    target: tuned(base, {
      steps: steps.domain,
      batchSize: 16,
      optimizer: { learningRate: 1e-3, warmup: 20, schedule: "cosine" },
      precision: "bfloat16",
    }),
    draft: { start: fresh(sized(draft)) },
    arms: {
      "full-given-all": arm({ ...adapt, ...given }),
      "full-given-half": arm({ ...adapt, ...given, ...half }),
      "full-written-all": arm({ ...adapt, ...byTarget }),
      "full-written-half": arm({ ...adapt, ...byTarget, ...half }),
      "private-given-all": arm({ ...adapt, ...own, ...given }),
      "private-given-half": arm({ ...adapt, ...own, ...given, ...half }),
      "private-written-all": arm({ ...adapt, ...own, ...byTarget }),
      "private-written-half": arm({ ...adapt, ...own, ...byTarget, ...half }),
      // Made for the base target on general text, and measured on the fine-tuned one.
      "no-adaptation": arm({ ...common, steps: steps.base, optimizer, target: base, text: taskText(general) }),
      lora: arm({
        ...adapt,
        ...byTarget,
        adapters: lora({
          rank,
          alpha: 2 * rank,
          on: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        }),
      }),
      // The released code's form: its gates are constant.
      "sum-written-all": arm({ ...adapt, ...byTarget, adapters: privatePart({ size: privateSize, gate: "none" }) }),
      "private-written-random": arm({ ...adapt, ...own, ...byTarget, examples: randomExamples({ k: 0.5 }) }),
      "private-written-reversed": arm({
        ...adapt,
        ...own,
        ...byTarget,
        examples: mahalanobis({ general, k: 0.5, order: "bottom" }),
      }),
      "private-written-perplexity": arm({ ...adapt, ...own, ...byTarget, examples: perplexity({ k: 0.5 }) }),
    },
    about: "private-written-half",
    primary: "greedy",
    seeds: [1, 2, 3, 4, 5],
    sweep: { over: { "optimizer.learningRate": [...learningRates] }, prompts: 40 },
    measure: { prompts: 100, maxNew: 128, gammas: [1, 2, 4, 8], gamma: 4, temperature: 1, timedPrompts: 2 },
  })
}

const parts = (shape: Shape) => ({
  math: adaptation("math", shape),
  code: adaptation("code", shape),
  eagle: onHead(shape),
})

export default parts(small)

export const large = parts(largeShape)
