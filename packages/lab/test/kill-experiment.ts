/** The experiment of the kill tests: every kind of stage, each long enough to be killed in it. */
import { arm, distilled } from "../src/index.ts"
import { behind, everything, squares, tiny } from "./tiny.ts"

const budget = { steps: 40, batchSize: 4, optimizer: { warmup: 2 } }
const cached = { signals: { target: "hidden" } } as const

export default {
  ...tiny,
  name: "killed",
  target: { ...tiny.target, steps: 60 },
  draft: { ...tiny.draft, pretraining: { ...tiny.draft.pretraining, steps: 20 } },
  reference: distilled({ filter: everything(), loss: squares(), ...budget, ...cached }),
  arms: {
    all: arm({ filter: everything(), loss: squares(), ...budget }),
    behind: arm({
      filter: behind({ k: 0.5 }),
      loss: squares(),
      ...budget,
      signals: { target: "hidden", reference: "cached" },
    }),
  },
}
