/**
 * The part `eagle`: the draft is EAGLE's head, which reads the target's hidden states and uses its vocabulary head. These
 * move with the target, so that this draft can show the collapse without adaptation that a draft of tokens alone cannot.
 */
import { none } from "@winnow/filter-none"
import { eagle } from "@winnow/head-eagle"
import { arm, artifactOf, bpe, defineExperiment, fresh, head, privatePart, taskText, tuned, written } from "@winnow/lab"
import { kl } from "@winnow/loss-kl"
import { llama } from "@winnow/model-llama"
import { alpaca } from "@winnow/task-alpaca"
import { gsm8k } from "@winnow/task-gsm8k"

/** The sizes that this part has of a preset. */
interface Sizes {
  readonly vocabulary: number
  readonly target: { readonly width: number; readonly layers: number; readonly heads: number }
  readonly steps: { readonly general: number; readonly domain: number; readonly base: number; readonly adapt: number }
  readonly examples: number
  readonly learningRates: ReadonlyArray<number>
}

/** The head of a general target meets the target that was fine-tuned to GSM8K. */
export const onHead = ({ vocabulary, target: of, steps, examples, learningRates }: Sizes) => {
  const general = alpaca({})
  const base = fresh(
    llama({
      ...{ vocab_size: vocabulary, hidden_size: of.width, num_hidden_layers: of.layers },
      ...{ num_attention_heads: of.heads, max_position_embeddings: 512 },
    }),
    {
      steps: steps.general,
      batchSize: 16,
      optimizer: { learningRate: 2e-3, warmup: 50, schedule: "cosine" },
      precision: "bfloat16",
      text: taskText(general),
    },
  )
  const optimizer = { learningRate: 3e-3, warmup: 15, schedule: "cosine" } as const
  const common = { filter: none(), loss: kl(), batchSize: 16, optimizer } as const
  const adapt = { ...common, steps: steps.adapt, start: artifactOf({ arm: "no-adaptation" }) } as const
  const given = { text: taskText(gsm8k({ maxTrain: examples })) }
  const byTarget = { text: written({ by: "target", prompts: examples, maxNew: 128 }) }
  // two thirds of the width: a seventh of the head's numbers
  const size = Math.round((2 * of.width) / 3)
  return defineExperiment({
    name: "EDA, a head on the target's states",
    question: "Does a head collapse on a fine-tuned target, and does a private part alone bring it back?",
    task: gsm8k({}),
    tokenizer: bpe({ vocabulary }),
    maxLength: 256,
    target: tuned(base, {
      steps: steps.domain,
      batchSize: 16,
      optimizer: { learningRate: 1e-3, warmup: 20, schedule: "cosine" },
      precision: "bfloat16",
    }),
    draft: { start: head(eagle({ feature: 10 })) },
    arms: {
      "full-given": arm({ ...adapt, ...given }),
      "full-written": arm({ ...adapt, ...byTarget }),
      "private-given": arm({ ...adapt, ...given, adapters: privatePart({ size }) }),
      "private-written": arm({ ...adapt, ...byTarget, adapters: privatePart({ size }) }),
      // The released code's form: its gates are constant.
      "sum-written": arm({ ...adapt, ...byTarget, adapters: privatePart({ size, gate: "none" }) }),
      // Trained on the states of the base target on general text, and measured on the fine-tuned one.
      "no-adaptation": arm({ ...common, steps: steps.base, target: base, text: taskText(general) }),
    },
    about: "private-written",
    primary: "greedy",
    seeds: [1, 2, 3, 4, 5],
    sweep: { over: { "optimizer.learningRate": [...learningRates] }, prompts: 40 },
    measure: { prompts: 100, maxNew: 128, gammas: [1, 2, 4, 8], gamma: 4, temperature: 1, timedPrompts: 2 },
  })
}
