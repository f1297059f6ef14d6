/** Experiments whose plugins work on made-up numbers and fail on real ones: a filter, a loss, a score. */
import { defineFilter, defineLoss, defineTask } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { Effect } from "effect"
import { arm } from "../src/index.ts"
import { everything, squares, tiny } from "./tiny.ts"

const none = type({ "+": "reject" })
const budget = { steps: 6, batchSize: 4, optimizer: { warmup: 2 } }

/** The colon that ends a prompt of `echo`, and the end of a text: no made-up gold token (0 to 49) has these ids. */
const isReal = (gold_N: ArrayLike<number>) => Array.from(gold_N).some((id) => id > 60)

const lateFilter = defineFilter({
  name: "late",
  needs: [],
  options: none,
  make:
    () =>
    ({ N, gold_N, step }) => {
      const rules = step === 4 && isReal(gold_N) ? undefined : { weight: 1 }
      return new Uint8Array(N).fill(rules!.weight)
    },
})

const lateLoss = defineLoss({
  name: "late",
  target: true,
  options: none,
  make: () => ({
    value: ({ draft, target, gold_R }) => {
      const value_R = tf.sum(tf.squaredDifference(draft.p_RV(), target.p_RV()), 1) as tf.Tensor1D
      return isReal(gold_R.dataSync()) && gold_R.size !== 64 ? (tf.mean(value_R) as unknown as tf.Tensor1D) : value_R
    },
  }),
})

const letters = Array.from("abcdefghijkl", (letter) => ({ prompt: `${letter}:`, answer: letter.repeat(10) }))

const badScore = defineTask({
  name: "bad-score",
  options: none,
  make: () => {
    let calls = 0
    return Effect.succeed({
      examples: () => letters,
      sharesPrompts: true,
      score: (_, text) => {
        if (++calls > 3) throw new RangeError(`no idea what ${JSON.stringify(text.slice(0, 3))} is`)
        return true
      },
    })
  },
})

const seeds = [1]
export default {
  plugins: {
    ...tiny,
    seeds,
    arms: {
      all: arm({ filter: everything(), loss: squares(), ...budget }),
      filtered: arm({ filter: lateFilter(), loss: squares(), ...budget }),
      lost: arm({ filter: everything(), loss: lateLoss(), ...budget }),
    },
    plugins: [...tiny.plugins!, lateFilter, lateLoss],
  },
  score: {
    ...tiny,
    seeds,
    task: badScore(),
    arms: { all: arm({ filter: everything(), loss: squares(), ...budget }) },
  },
}
