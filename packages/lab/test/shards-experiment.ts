/** An experiment whose caches of signals have four pieces, for the tests of shards: 5200 texts of 25 trained tokens. */
import { defineTask } from "@winnow/core"
import { kl } from "@winnow/loss-kl"
import { seeded } from "@winnow/numerics"
import { type } from "arktype"
import { Effect } from "effect"
import { arm, defineExperiment, distilled, fresh } from "../src/index.ts"
import { behind, everything, tiny, tinyModel } from "./tiny.ts"

const letters = defineTask({
  name: "letters",
  options: type({ "+": "reject" }),
  make: () => {
    const rng = seeded(5, "letters")
    const examples = Array.from({ length: 5200 }, (_, i) => ({
      prompt: `${i % 10}:`,
      answer: Array.from({ length: 24 }, () => String.fromCharCode(97 + rng.below(26))).join(""),
    }))
    return Effect.succeed({
      examples: (split) => (split === "train" ? examples : examples.slice(0, 12)),
      sharesPrompts: true,
    })
  },
})

const budget = { steps: 4, batchSize: 16, optimizer: { warmup: 2 } }

/** One arm whose target's hidden states and whose reference's losses come from caches in so many shards. */
export const inShards = (shards: number) => {
  const signals = { target: "hidden", reference: "cached", shards } as const
  return defineExperiment({
    ...tiny,
    name: "shards",
    task: letters(),
    maxLength: 32,
    target: fresh(tinyModel(16), { ...budget, steps: 8 }),
    draft: { start: fresh(tinyModel(8), budget) },
    reference: distilled({ filter: everything(), loss: kl(), ...budget, signals }),
    arms: { behind: arm({ filter: behind({ k: 0.5 }), loss: kl(), ...budget, signals }) },
    seeds: [1],
    measure: { prompts: 2, maxNew: 4, gammas: [1], gamma: 1, timedPrompts: 2 },
    plugins: [letters, ...tiny.plugins!],
  })
}
