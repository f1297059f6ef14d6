/**
 * Settings of experiments that compare the same arms on two tasks: task, tokenizer, target, draft, measurement. Each
 * set-up trains one target, shared by all its experiments.
 *
 * `arithmetic` and `gsm8k` are for two cores and an hour; the large ones for a machine with a GPU or many cores, and a
 * day.
 */
import { bpe, type Experiment, fresh } from "@winnow/lab"
import { llama } from "@winnow/model-llama"
import { arithmetic as arithmeticTask } from "@winnow/task-arithmetic"
import { gsm8k as gsm8kTask } from "@winnow/task-gsm8k"

/** An experiment without its question and its arms. */
export type Setup = Pick<Experiment, "task" | "tokenizer" | "maxLength" | "target" | "draft"> &
  Required<Pick<Experiment, "measure">>

/** One or two steps with numbers to 40, the quickstart's: a target of 0.8M parameters, a draft of 0.1M. */
export const arithmetic: Setup = {
  task: arithmeticTask({ largest: 40 }),
  tokenizer: bpe({ vocabulary: 768, splitDigits: false }),
  maxLength: 128,
  target: fresh(
    llama({
      vocab_size: 768,
      hidden_size: 128,
      num_hidden_layers: 3,
      num_attention_heads: 4,
      max_position_embeddings: 256,
    }),
    {
      steps: 1300,
      batchSize: 16,
      optimizer: { learningRate: 4e-3, warmup: 40, schedule: "cosine" },
    },
  ),
  draft: {
    start: fresh(
      llama({
        vocab_size: 768,
        hidden_size: 48,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        max_position_embeddings: 256,
      }),
      { steps: 100, batchSize: 16, optimizer: { learningRate: 3e-3, warmup: 20 } },
    ),
  },
  measure: { prompts: 200, maxNew: 80, gammas: [1, 2, 4, 8], gamma: 4, temperature: 1, timedPrompts: 8 },
}

/** The same with another target: same task and sizes, another initialisation and order of the data. */
export const arithmeticOther: Setup = {
  ...arithmetic,
  target: { ...(arithmetic.target as Extract<Setup["target"], { kind: "fresh" }>), seed: 1 },
}

/** Grade-school word problems: a target of 3.7M parameters that writes fluent and mostly wrong solutions, a draft of 0.2M. */
export const gsm8k: Setup = {
  task: gsm8kTask({}),
  tokenizer: bpe({ vocabulary: 1024 }),
  maxLength: 320,
  target: fresh(
    llama({
      vocab_size: 1024,
      hidden_size: 256,
      num_hidden_layers: 4,
      num_attention_heads: 8,
      max_position_embeddings: 512,
    }),
    {
      steps: 3000,
      batchSize: 16,
      optimizer: { learningRate: 2e-3, warmup: 150, schedule: "cosine" },
      precision: "bfloat16",
    },
  ),
  draft: {
    start: fresh(
      llama({
        vocab_size: 1024,
        hidden_size: 64,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        max_position_embeddings: 512,
      }),
      { steps: 300, batchSize: 16, optimizer: { learningRate: 3e-3, warmup: 30 } },
    ),
  },
  measure: { prompts: 160, maxNew: 192, gammas: [1, 2, 4, 8], gamma: 4, temperature: 1, timedPrompts: 8 },
}

/**
 * Any task of short texts, cut at 512 tokens: a target of 1.7M parameters, a draft of 0.1M, trained in minutes.
 *
 * @param targetSteps of the target's training: fewer for a task with few examples
 * @param maxNew longest answer in tokens
 * @param vocabulary of a BPE of the task's text
 */
export const onText = (task: Experiment["task"], targetSteps: number, maxNew: number, vocabulary = 1024): Setup => {
  const sized = (hidden_size: number, num_hidden_layers: number, num_attention_heads: number) =>
    llama({ vocab_size: vocabulary, hidden_size, num_hidden_layers, num_attention_heads, max_position_embeddings: 768 })
  return {
    task,
    tokenizer: bpe({ vocabulary }),
    maxLength: 512,
    target: fresh(sized(192, 3, 6), {
      steps: targetSteps,
      batchSize: 16,
      optimizer: { learningRate: 2e-3, warmup: 50, schedule: "cosine" },
      precision: "bfloat16",
    }),
    draft: {
      start: fresh(sized(48, 1, 2), {
        steps: 200,
        batchSize: 16,
        optimizer: { learningRate: 3e-3, warmup: 20 },
      }),
    },
    measure: { prompts: 120, maxNew, gammas: [1, 2, 4, 8], gamma: 4, temperature: 1, timedPrompts: 4 },
  }
}

/** GSM8K in minutes. */
export const gsm8kSmall: Setup = onText(gsm8kTask({}), 1000, 128)

/** Up to four steps with numbers to 999: a target of 19M parameters, a draft of 0.9M. */
export const arithmeticLarge: Setup = {
  ...arithmetic,
  task: arithmeticTask({ largest: 999, operand: 99, maxSteps: 4, train: 200_000 }),
  tokenizer: bpe({ vocabulary: 2048 }),
  maxLength: 256,
  target: fresh(
    llama({
      vocab_size: 2048,
      hidden_size: 512,
      num_hidden_layers: 6,
      num_attention_heads: 8,
      max_position_embeddings: 512,
    }),
    {
      steps: 20_000,
      batchSize: 64,
      optimizer: { learningRate: 1e-3, warmup: 500, schedule: "cosine" },
      precision: "bfloat16",
    },
  ),
  draft: {
    start: fresh(
      llama({
        vocab_size: 2048,
        hidden_size: 128,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        max_position_embeddings: 512,
      }),
      { steps: 1000, batchSize: 64, optimizer: { learningRate: 3e-3, warmup: 100 } },
    ),
  },
  measure: { ...arithmetic.measure, prompts: 500, maxNew: 160 },
}

/** All of GSM8K's test prompts: a target of 28M parameters, a draft of 1.3M. */
export const gsm8kLarge: Setup = {
  ...gsm8k,
  task: gsm8kTask({ testSet: "all" }),
  tokenizer: bpe({ vocabulary: 4096 }),
  target: fresh(
    llama({
      vocab_size: 4096,
      hidden_size: 512,
      num_hidden_layers: 8,
      num_attention_heads: 8,
      max_position_embeddings: 512,
    }),
    {
      steps: 6000,
      batchSize: 32,
      optimizer: { learningRate: 1e-3, warmup: 300, schedule: "cosine" },
      precision: "bfloat16",
    },
  ),
  draft: {
    start: fresh(
      llama({
        vocab_size: 4096,
        hidden_size: 128,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        max_position_embeddings: 512,
      }),
      { steps: 600, batchSize: 32, optimizer: { learningRate: 3e-3, warmup: 60 } },
    ),
  },
  measure: { ...gsm8k.measure, prompts: 1000 },
}
