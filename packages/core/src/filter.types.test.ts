/**
 * A filter without the models that its statistics come from does not type-check.
 *
 * `bun run typecheck` is the test: an `@ts-expect-error` above a line that has no error is an error itself. The functions are
 * not called, but for the last one, which shows what the types prevent.
 */
import { expect, test } from "bun:test"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { Effect, Layer } from "effect"
import { defineFilter, Filter, filterLayer } from "./filter.ts"
import { defineLoss, Loss, lossLayer } from "./loss.ts"
import { Reference, Target } from "./model.ts"

const none = type({ "+": "reject" })
const free = defineFilter({ name: "free", needs: [], options: none, make: () => (i) => new Uint8Array(i.N).fill(1) })
const excess = defineFilter({
  name: "excess",
  needs: ["draftLoss_N", "referenceLoss_N"],
  options: type({ "+": "reject", k: "number = 0.5", order: "'top' | 'bottom'" }),
  make:
    ({ k }) =>
    ({ draftLoss_N, referenceLoss_N }) =>
      draftLoss_N.map((x, i) => (x - referenceLoss_N[i]! > k ? 1 : 0)),
})
const accepted = defineFilter({
  name: "accepted",
  needs: ["acceptance_N"],
  options: none,
  make:
    () =>
    ({ acceptance_N }) =>
      acceptance_N,
})
const gold = defineLoss({
  name: "gold",
  target: false,
  options: none,
  make: () => ({ value: (c) => c.draft.nll_R(c.gold_R) }),
})
const matched = defineLoss({
  name: "matched",
  target: true,
  options: none,
  make: () => ({ value: ({ draft, target }) => tf.sum(tf.abs(tf.sub(draft.p_RV(), target.p_RV())), 1) }),
})

/** A step of training, as far as the types are concerned. */
const step = Effect.gen(function* () {
  return [(yield* Filter).name, (yield* Loss).name]
})
const noModel = {} as never
const reference = Layer.succeed(Reference, { model: noModel })
const target = Layer.succeed(Target, noModel)
const goldLayer = lossLayer(gold())

/** Compiles where everything that is needed is there. */
export const complete = [
  () => Effect.runPromise(step.pipe(Effect.provide(Layer.merge(filterLayer(free()), goldLayer)))),
  () =>
    Effect.runPromise(
      step.pipe(
        Effect.provide(Layer.merge(filterLayer(excess({ order: "top" })).pipe(Layer.provide(reference)), goldLayer)),
      ),
    ),
  () =>
    Effect.runPromise(
      step.pipe(Effect.provide(Layer.merge(filterLayer(accepted()), lossLayer(matched())).pipe(Layer.provide(target)))),
    ),
]

const withoutReference = () =>
  // @ts-expect-error the filter reads the reference's loss: Reference is missing
  Effect.runPromise(step.pipe(Effect.provide(Layer.merge(filterLayer(excess({ order: "top" })), goldLayer))))

export const incomplete = [
  // @ts-expect-error a target does not stand in for a reference
  () => Effect.runPromise(Effect.provide(Filter, filterLayer(excess({ order: "top" })).pipe(Layer.provide(target)))),
  // @ts-expect-error acceptance is measured against a target: Target is missing
  () => Effect.runPromise(Effect.provide(Filter, filterLayer(accepted()))),
  // @ts-expect-error a loss that compares to the target needs one
  () => Effect.runPromise(Effect.provide(Loss, lossLayer(matched()))),
]

export const wrong = [
  // @ts-expect-error an option without a default is required
  () => excess(),
  // @ts-expect-error an option of the wrong type
  () => excess({ order: "middle" }),
  () =>
    // @ts-expect-error only declared statistics are in the input
    defineFilter({ name: "x", needs: ["draftNll_N"], options: none, make: () => (i) => i.draftEntropy_N }),
  // @ts-expect-error no such statistic
  () => defineFilter({ name: "x", needs: ["draftNLL"], options: none, make: () => (i) => new Uint8Array(i.N) }),
  () =>
    // @ts-expect-error a loss without a target is not given one
    defineLoss({ name: "x", target: false, options: none, make: () => ({ value: (c) => c.target.entropy_R() }) }),
]

test("what does not type-check would not run either", async () => {
  await expect(withoutReference()).rejects.toThrow(/Reference/)
})
