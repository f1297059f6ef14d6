/** Small runs that touch every numeric path: families, losses, filters, signal forms, references, precisions. Seconds each. */
import { defineTask, type ModelUse, shuffled } from "@winnow/core"
import { adaspec } from "@winnow/filter-adaspec"
import { focusFinetune } from "@winnow/filter-focus-finetune"
import { none } from "@winnow/filter-none"
import { random } from "@winnow/filter-random"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { jsd } from "@winnow/loss-jsd"
import { kl } from "@winnow/loss-kl"
import { reverseKl } from "@winnow/loss-reverse-kl"
import { tvd } from "@winnow/loss-tvd"
import { tvdPlusPlus } from "@winnow/loss-tvd-plus-plus"
import { gptNeox } from "@winnow/model-gpt-neox"
import { llama } from "@winnow/model-llama"
import { type } from "arktype"
import { Effect } from "effect"
import {
  arm,
  bpe,
  checkpoint,
  defineExperiment,
  distilled,
  type Experiment,
  ema,
  fresh,
  trained,
} from "../../src/index.ts"

const vocabulary = 288

/** Sums of two numbers in words and figures: enough repetition for merges, enough variety for different losses. */
const sums = defineTask({
  name: "sums",
  options: type({ "+": "reject" }),
  make: () => {
    const names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    const of = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => {
        const [a, b] = [((from + i) * 7) % 10, ((from + i) * 3 + 1 + Math.floor((from + i) / 10)) % 10]
        return { prompt: `${names[a]} + ${names[b]} =`, answer: ` ${a + b}, ${names[(a + b) % 10]}.` }
      })
    const all = { train: of(0, 24), validation: of(40, 4), test: of(60, 6) }
    return Effect.succeed({ examples: (split) => all[split] })
  },
})

const budget = { steps: 6, batchSize: 4, optimizer: { warmup: 2, learningRate: 0.01 } }

const withModels = (name: string, target: ModelUse, draft: ModelUse, arms: Experiment["arms"]): Experiment =>
  defineExperiment({
    name,
    question: "Do the numbers stand?",
    task: sums(),
    tokenizer: bpe({ vocabulary }),
    maxLength: 48,
    target: fresh(target, { steps: 20, batchSize: 8, optimizer: { learningRate: 0.01, warmup: 5 } }),
    draft: { start: fresh(draft, budget) },
    reference: distilled({ filter: none(), loss: kl(), ...budget }),
    arms,
    seeds: [1],
    measure: { prompts: 4, maxNew: 8, gammas: [1, 3], gamma: 3, timedPrompts: 1, temperature: 1 },
  }) as Experiment

const size = { vocab_size: vocabulary, num_hidden_layers: 2, num_attention_heads: 4, max_position_embeddings: 64 }
const llamaOf = (hidden_size: number) => llama({ ...size, hidden_size, num_key_value_heads: 2 })
const tiedLlamaOf = (hidden_size: number) =>
  llama({ ...size, hidden_size, tie_word_embeddings: true, attention_bias: true })
const neoxOf = (hidden_size: number) => gptNeox({ ...size, hidden_size, rotary_pct: 0.5 })
const sequentialOf = (hidden_size: number) =>
  gptNeox({ ...size, hidden_size, rotary_pct: 0.5, use_parallel_residual: false })

const forms = ["live", "hidden", "full", { topK: 8 }, { samples: 6 }] as const
const nameOf = (form: (typeof forms)[number]) => (typeof form === "string" ? form : "topK" in form ? "top" : "samples")

/** The runs, by name. */
export const goldenExperiments: Readonly<Record<string, Experiment>> = {
  llama: withModels("golden llama", llamaOf(32), llamaOf(16), {
    ...Object.fromEntries(
      [
        kl(),
        reverseKl(),
        jsd(),
        tvd(),
        tvdPlusPlus(),
        tvdPlusPlus({ expectation: "sampled", samples: 4 }),
        crossEntropy(),
      ].map((loss, i) => [`loss-${loss.name}${i === 5 ? "-sampled" : ""}`, arm({ filter: none(), loss, ...budget })]),
    ),
    ...Object.fromEntries(
      [adaspec({ k: 0.4 }), focusFinetune({ k: 0.4 }), random({ k: 0.4 })].map((filter) => [
        `filter-${filter.name}`,
        arm({ filter, loss: kl(), ...budget }),
      ]),
    ),
    ...Object.fromEntries(
      forms.map((target) => [
        `signals-${nameOf(target)}`,
        arm({ filter: adaspec({ k: 0.5 }), loss: kl(), ...budget, signals: { target, reference: "cached" } }),
      ]),
    ),
    checkpoint: arm({ filter: adaspec(), loss: kl(), ...budget, reference: checkpoint({ every: 2 }) }),
    average: arm({ filter: adaspec(), loss: kl(), ...budget, reference: ema({ decay: 0.9 }) }),
    "clean-text": arm({ filter: focusFinetune(), loss: crossEntropy(), ...budget, reference: trained(budget) }),
    shuffled: arm({ filter: shuffled(adaspec()), loss: kl(), ...budget }),
    "micro-batches": arm({ filter: adaspec(), loss: kl(), ...budget, microBatches: 2 }),
    bfloat16: arm({ filter: adaspec(), loss: kl(), ...budget, precision: "bfloat16" }),
  }),
  "gpt-neox": withModels("golden gpt-neox", neoxOf(32), neoxOf(16), {
    all: arm({ filter: none(), loss: kl(), ...budget }),
    adaspec: arm({
      filter: adaspec(),
      loss: tvdPlusPlus(),
      ...budget,
      signals: { target: "hidden", reference: "live" },
    }),
  }),
  variants: withModels("golden variants", sequentialOf(32), tiedLlamaOf(16), {
    all: arm({ filter: none(), loss: jsd(), ...budget }),
    adaspec: arm({ filter: adaspec(), loss: kl(), ...budget }),
  }),
}
