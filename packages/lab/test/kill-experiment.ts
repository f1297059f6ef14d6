/** The experiment of the kill tests: every kind of stage, each long enough to be killed in it. */
import { arm, distilled, fresh, mixture, taskText, written } from "../src/index.ts"
import { behind, everything, squares, tiny, tinyModel } from "./tiny.ts"

const budget = { steps: 40, batchSize: 4, optimizer: { warmup: 2 } }
/** Half of the answers are the draft's, written between the steps. */
const halfOwn = mixture({
  data: { weight: 1, text: taskText() },
  own: { weight: 1, text: written({ by: "draft", temperature: 1, maxNew: 8 }) },
})
const cached = { signals: { target: "hidden" } } as const

export default {
  ...tiny,
  name: "killed",
  target: fresh(tinyModel(32), { steps: 60, batchSize: 8, optimizer: { learningRate: 0.01, warmup: 5 } }),
  draft: { start: fresh(tinyModel(8), { steps: 20, batchSize: 4, optimizer: { warmup: 2 } }) },
  reference: distilled({ filter: everything(), loss: squares(), ...budget, ...cached }),
  arms: {
    all: arm({ filter: everything(), loss: squares(), ...budget, text: halfOwn }),
    behind: arm({
      filter: behind({ k: 0.5 }),
      loss: squares(),
      ...budget,
      signals: { target: "hidden", reference: "cached" },
    }),
  },
}
