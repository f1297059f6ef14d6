/** 005-tasks: AdaSPEC against all tokens at equal total compute, on five tasks. README.md has the outcome. */
import { adaspec } from "@winnow/filter-adaspec"
import { none } from "@winnow/filter-none"
import { random } from "@winnow/filter-random"
import { arm, bpe, controls, defineExperiment, distilled, type Experiment, fresh } from "@winnow/lab"
import { kl } from "@winnow/loss-kl"
import { llama } from "@winnow/model-llama"
import { alpaca } from "@winnow/task-alpaca"
import { dialogsum } from "@winnow/task-dialogsum"
import { gsm8k } from "@winnow/task-gsm8k"
import { mbpp } from "@winnow/task-mbpp"
import { scitldr } from "@winnow/task-scitldr"

const k = 0.4
const vocabulary = 1024

/** A target of 1.7M parameters and a draft of 0.1M, for texts of at most 512 tokens. */
const sized = (hidden_size: number, num_hidden_layers: number, num_attention_heads: number) =>
  llama({ vocab_size: vocabulary, hidden_size, num_hidden_layers, num_attention_heads, max_position_embeddings: 768 })

interface Task {
  readonly task: Experiment["task"]
  /** Steps of the target's training: fewer for tasks with few examples. */
  readonly targetSteps: number
  readonly maxNew: number
}

/** Both arms on one task; as in AdaSPEC's scripts, its batches are 1 / k times those of its reference. */
const onTask = (name: string, { task, targetSteps, maxNew }: Task) => {
  const budget = { steps: 200, batchSize: 40, optimizer: { warmup: 12 }, signals: { target: "hidden" } } as const
  const selective = arm({
    filter: adaspec({ k }),
    loss: kl(),
    ...budget,
    signals: { target: "hidden", reference: "cached" },
  })
  const { "all-equal-compute": equalCompute } = controls(
    "adaspec",
    selective,
    { all: none(), random: random({ k }) },
    { only: ["all-equal-compute"] },
  )
  return defineExperiment({
    name: `tasks, ${name}`,
    question: "Is AdaSPEC ahead of all tokens at the same total compute, on text of this kind?",
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
    reference: distilled({ filter: none(), loss: kl(), ...budget, batchSize: 16 }),
    arms: { "all-equal-compute": equalCompute, adaspec: selective },
    about: "adaspec",
    seeds: [1, 2, 3],
    sweep: { over: { "optimizer.learningRate": [3e-3, 6e-3, 1.2e-2] }, prompts: 80 },
    plugins: [none, random, adaspec, kl],
  })
}

export default {
  gsm8k: onTask("GSM8K", { task: gsm8k({}), targetSteps: 1000, maxNew: 128 }),
  alpaca: onTask("Alpaca", { task: alpaca({}), targetSteps: 1000, maxNew: 128 }),
  mbpp: onTask("MBPP", { task: mbpp({}), targetSteps: 300, maxNew: 128 }),
  dialogsum: onTask("DialogSum", { task: dialogsum({}), targetSteps: 1000, maxNew: 64 }),
  scitldr: onTask("SciTLDR", { task: scitldr({}), targetSteps: 600, maxNew: 64 }),
}
