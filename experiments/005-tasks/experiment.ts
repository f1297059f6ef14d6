/** 005-tasks: AdaSPEC against all tokens at equal total compute, on five tasks. README.md has the outcome. */
import { adaspec } from "@winnow/filter-adaspec"
import { none } from "@winnow/filter-none"
import { random } from "@winnow/filter-random"
import { arm, controls, defineExperiment, distilled } from "@winnow/lab"
import { kl } from "@winnow/loss-kl"
import { gsm8kSmall, onText, type Setup } from "@winnow/setups"
import { alpaca } from "@winnow/task-alpaca"
import { dialogsum } from "@winnow/task-dialogsum"
import { mbpp } from "@winnow/task-mbpp"
import { scitldr } from "@winnow/task-scitldr"

const k = 0.4

/** Both arms on one task; as in AdaSPEC's scripts, its batches are 1 / k times those of its reference. */
const onTask = (name: string, setup: Setup) => {
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
    ...setup,
    reference: distilled({ filter: none(), loss: kl(), ...budget, batchSize: 16 }),
    arms: { "all-equal-compute": equalCompute, adaspec: selective },
    about: "adaspec",
    seeds: [1, 2, 3],
    sweep: { over: { "optimizer.learningRate": [3e-3, 6e-3, 1.2e-2] }, prompts: 80 },
    plugins: [none, random, adaspec, kl],
  })
}

export default {
  gsm8k: onTask("GSM8K", gsm8kSmall),
  alpaca: onTask("Alpaca", onText(alpaca({}), 1000, 128)),
  mbpp: onTask("MBPP", onText(mbpp({}), 300, 128)),
  dialogsum: onTask("DialogSum", onText(dialogsum({}), 1000, 64)),
  scitldr: onTask("SciTLDR", onText(scitldr({}), 600, 64)),
}
