/** Arms whose tokens are read in other ways than usual: a head, a reference that follows the draft, a filter with a memory. */
import { hellinger } from "@winnow/filter-hellinger"
import { medusa } from "@winnow/head-medusa"
import { kl } from "@winnow/loss-kl"
import { llama } from "@winnow/model-llama"
import { arm, defineExperiment, ema, head } from "../src/index.ts"
import { behind, everything, squares, tiny } from "./tiny.ts"

const budget = { steps: 6, batchSize: 4, optimizer: { warmup: 2 } }

export default defineExperiment({
  ...tiny,
  arms: {
    head: arm({ filter: everything(), loss: kl(), start: head(medusa({ heads: 2 })), ...budget }),
    following: arm({ filter: behind({ k: 0.5 }), loss: squares(), reference: ema({ decay: 0.5 }), ...budget }),
    memory: arm({ filter: hellinger({ k: 0.5 }), loss: kl(), ...budget }),
  },
  stability: { tokens: 40, at: [0, 1] },
  seeds: [1],
  plugins: [everything, behind, squares, hellinger, medusa, kl, llama],
})
