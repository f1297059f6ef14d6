/** The domains of 013: a small draft with a general start is fine-tuned on each, on clean text and on noisy text. */
import { bpe, fresh, type StartSpec, taskText } from "@winnow/lab"
import { gptNeox } from "@winnow/model-gpt-neox"
import { llama } from "@winnow/model-llama"
import type { Setup } from "@winnow/setups"
import { alpaca } from "@winnow/task-alpaca"
import { codealpaca } from "@winnow/task-codealpaca"
import { contracts } from "@winnow/task-contracts"
import { corrupted } from "@winnow/task-corrupted"
import { pubmedqa } from "@winnow/task-pubmedqa"

/** The settings that differ between the domains. */
interface Sizes {
  /** Steps of an arm, and of the draft's start. */
  readonly steps: number
  readonly startSteps: number
  readonly batchSize: number
  /** Clean examples that references of the clean text read: about a quarter. */
  readonly part: number
  /** Texts that are measured, and those on which settings are chosen. */
  readonly prompts: number
  readonly searchPrompts: number
  readonly maxLength: number
  readonly maxNew: number
  readonly targetSteps: number
}

const tasks = { coding: codealpaca, legal: contracts, medical: pubmedqa } as const
export type Domain = keyof typeof tasks

const sizes: Readonly<Record<Domain, Sizes>> = {
  coding: {
    ...{ steps: 300, startSteps: 200, batchSize: 16, part: 1300, prompts: 160, searchPrompts: 160 },
    ...{ maxLength: 256, maxNew: 128, targetSteps: 800 },
  },
  legal: {
    ...{ steps: 60, startSteps: 200, batchSize: 16, part: 60, prompts: 60, searchPrompts: 30 },
    ...{ maxLength: 512, maxNew: 64, targetSteps: 200 },
  },
  medical: {
    ...{ steps: 120, startSteps: 200, batchSize: 8, part: 110, prompts: 120, searchPrompts: 36 },
    ...{ maxLength: 768, maxNew: 128, targetSteps: 250 },
  },
}

/** Widths and layers of the models of a preset. */
export interface Shape {
  readonly vocabulary: number
  readonly draft: { readonly width: number; readonly layers: number; readonly heads: number }
  readonly target: { readonly width: number; readonly layers: number; readonly heads: number }
  /** Factor on all steps. */
  readonly longer: number
}

export const small: Shape = {
  vocabulary: 1024,
  draft: { width: 48, layers: 1, heads: 2 },
  target: { width: 192, layers: 3, heads: 6 },
  longer: 1,
}
/** For a machine with a GPU or many cores. */
export const large: Shape = {
  vocabulary: 4096,
  draft: { width: 192, layers: 2, heads: 6 },
  target: { width: 768, layers: 8, heads: 12 },
  longer: 8,
}

const context = 1024

/** All that the parts of a domain share. */
export const domainOf = (domain: Domain, { vocabulary, draft, target, longer }: Shape) => {
  const { steps, startSteps, batchSize, part, prompts, searchPrompts, maxLength, maxNew, targetSteps } = sizes[domain]
  const task = tasks[domain]
  const common = { vocab_size: vocabulary, max_position_embeddings: context }
  const sized = ({ width, layers, heads }: Shape["draft"]) =>
    llama({ ...common, hidden_size: width, num_hidden_layers: layers, num_attention_heads: heads })
  /** A draft of this width that knows general instructions. */
  const startOf = (of: Shape["draft"]): StartSpec =>
    fresh(sized(of), {
      steps: longer * startSteps,
      batchSize: 16,
      optimizer: { learningRate: 3e-3, warmup: 20 },
      text: taskText(alpaca({})),
    })
  const setup: Setup = {
    task: task({}),
    tokenizer: bpe({ vocabulary }),
    maxLength,
    target: fresh(sized(target), {
      steps: longer * targetSteps,
      batchSize: 16,
      optimizer: { learningRate: 2e-3, warmup: 50, schedule: "cosine" },
      precision: "bfloat16",
    }),
    draft: { start: startOf(draft) },
    measure: { prompts, maxNew, gammas: [1, 2, 4, 8], gamma: 4, temperature: 1, timedPrompts: 4 },
  }
  const { width, layers, heads } = draft
  return {
    setup,
    startOf,
    startSteps: longer * startSteps,
    budget: {
      steps: longer * steps,
      batchSize,
      optimizer: { warmup: Math.round((longer * steps) / 16), schedule: "cosine" as const },
    },
    searchPrompts,
    /** Two of five training answers have their words in a random order. */
    noisy: taskText(corrupted({ of: task({}), share: 0.4 })),
    clean: taskText(),
    /** About a quarter of the clean text. */
    cleanPart: taskText(task({ maxTrain: part })),
    /** A draft of another family, as wide and deep. */
    otherFamily: fresh(
      gptNeox({ ...common, hidden_size: width, num_hidden_layers: layers, num_attention_heads: heads }),
    ),
  }
}
