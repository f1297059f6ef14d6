/** 015-trees: does a second guess at each place pay for the rows that it costs the target? README.md has the outcome. */
import { none } from "@winnow/filter-none"
import { arm, defineExperiment, trees } from "@winnow/lab"
import { kl } from "@winnow/loss-kl"
import { arithmetic, gsm8k, type Setup } from "@winnow/setups"

const question = "How many tokens a target call does a tree of proposals give over a chain, and what do its rows cost?"

/** A chain, fixed trees and dynamic ones: 4, 8, 16 and 32 tokens a call, 5, 9, 17 and 33 rows of the target. */
const shapes: Parameters<typeof trees>[0]["shapes"] = {
  chain: { widths: [1, 1, 1, 1] },
  "chain of 8": { widths: [1, 1, 1, 1, 1, 1, 1, 1] },
  "2x1x1": { widths: [2, 1, 1] },
  "4x2x1": { widths: [4, 2, 1] },
  "4x2x1 best": { widths: [4, 2, 1], siblings: "best" },
  "best 4": { nodes: 4, depth: 4 },
  "best 8": { nodes: 8, depth: 4 },
  "best 16": { nodes: 16, depth: 6 },
  "best 32": { nodes: 32, depth: 8 },
}

/** All tokens, forward KL. */
const branching = (setup: Setup, steps: number, warmup: number) =>
  defineExperiment({
    ...setup,
    name: "trees",
    question,
    arms: {
      "all-tokens": arm({
        ...{ filter: none(), loss: kl() },
        ...{ steps, batchSize: 16, optimizer: { learningRate: 3e-3, warmup } },
      }),
    },
    study: trees({ shapes }),
    seeds: [1, 2, 3, 4, 5],
  })

export default { arithmetic: branching(arithmetic, 250, 20), gsm8k: branching(gsm8k, 800, 50) }
