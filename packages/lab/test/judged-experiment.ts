/** An experiment whose filter and loss ask a judge, a service of its own: as a file, so that worker processes load it. */
import { defineFilter, defineLoss, defineService } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { Context, Effect, Layer } from "effect"
import { arm, defineExperiment } from "../src/index.ts"
import { behind, everything, squares, tiny } from "./tiny.ts"

/** Says of a token if it is worth training on. */
export class Judge extends Context.Service<Judge, { readonly likes: (id: number) => boolean }>()("test/Judge") {}

/** Judges that were opened and closed in this process. */
export const judges = { opened: 0, closed: 0 }

/** Likes ids up to a last one. */
export const upTo = defineService({
  name: "up-to",
  provides: [Judge],
  options: type({ "+": "reject", last: "number.integer = 103" }),
  make: ({ last }) =>
    Layer.effect(
      Judge,
      Effect.acquireRelease(
        Effect.sync(() => {
          judges.opened++
          return { likes: (id: number) => id <= last }
        }),
        () =>
          Effect.sync(() => {
            judges.closed++
          }),
      ),
    ),
})

export const judged = defineFilter({
  name: "judged",
  needs: ["draftNll_N"],
  services: { judge: Judge },
  options: type({ "+": "reject" }),
  make:
    () =>
    ({ gold_N, judge, draftNll_N }) => {
      const hardest = Math.max(...draftNll_N)
      return Uint8Array.from(gold_N, (id, n) => (judge.likes(id) || draftNll_N[n] === hardest ? 1 : 0))
    },
})

/** Squares, twice as heavy where the judge likes the token with id 1. */
export const judgedSquares = defineLoss({
  name: "judged-squares",
  target: true,
  services: { judge: Judge },
  options: type({ "+": "reject" }),
  make: () => ({
    value: ({ draft, target, judge }) =>
      tf.mul(tf.sum(tf.squaredDifference(draft.p_RV(), target.p_RV()), 1), judge.likes(1) ? 2 : 1),
  }),
})

const budget = { steps: 6, batchSize: 4, optimizer: { warmup: 2 } }

export const judgedExperiment = defineExperiment({
  ...tiny,
  name: "judged",
  arms: {
    all: arm({ filter: everything(), loss: squares(), ...budget }),
    judged: arm({ filter: judged(), loss: squares(), ...budget }),
    "judged-loss": arm({
      ...{ filter: behind(), loss: judgedSquares(), ...budget },
      signals: { target: "live", reference: "cached" },
    }),
  },
  reference: tiny.reference!,
  services: { judge: upTo() },
  seeds: [1],
  plugins: [upTo],
})

export default judgedExperiment
