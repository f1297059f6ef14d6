/**
 * A filter or loss does not type-check without its needs: models of its statistics, services of its own.
 *
 * `bun run typecheck` is the test: an `@ts-expect-error` above a line that has no error is an error itself. `armLayer`
 * composes the stage of an arm. The functions are not called, except the last ones, which show the errors that the
 * types prevent.
 */
import { expect, test } from "bun:test"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { Context, Effect, Layer } from "effect"
import { armLayer } from "./arm-layer.ts"
import { defineFilter, Filter } from "./filter.ts"
import { Reference, Target } from "./frozen.ts"
import { defineLoss, Loss } from "./loss.ts"
import { type AnyService, provideNeeds } from "./needs.ts"

class Judge extends Context.Service<Judge, { readonly likes: (id: number) => boolean }>()("test/Judge") {}

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
const judged = defineFilter({
  name: "judged",
  needs: ["draftNll_N"],
  services: { judge: Judge },
  options: none,
  make:
    () =>
    ({ gold_N, judge }) =>
      Uint8Array.from(gold_N, (id) => (judge.likes(id) ? 1 : 0)),
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
const judgedLoss = defineLoss({
  name: "judged-loss",
  target: false,
  services: { judge: Judge },
  options: none,
  make: () => ({ value: (c) => tf.mul(c.draft.nll_R(c.gold_R), c.judge.likes(0) ? 1 : 0) }),
})

/** A step of training, for the types only. */
const step = Effect.gen(function* () {
  return [(yield* Filter).name, (yield* Loss).name]
})
const nothing = { architecture: {} as never, model: undefined }
const reference = Layer.succeed(Reference, nothing)
const target = Layer.succeed(Target, nothing)
const judge = Layer.succeed(Judge, { likes: (id) => id === 1 })
const run = (arm: Layer.Layer<Filter | Loss, unknown>) => Effect.runPromise(step.pipe(Effect.provide(arm)))

/** It compiles if all needs are met. */
export const complete = [
  () => run(armLayer(free(), gold())),
  () => run(armLayer(excess({ order: "top" }), gold()).pipe(Layer.provide(reference))),
  () => run(armLayer(accepted(), matched()).pipe(Layer.provide(target))),
  () => run(armLayer(judged(), judgedLoss()).pipe(Layer.provide(judge))),
]

const withoutReference = () =>
  // @ts-expect-error the filter reads the reference's loss: Reference is missing
  run(armLayer(excess({ order: "top" }), gold()))

const withoutJudge = () =>
  // @ts-expect-error the filter needs a judge: Judge is missing
  run(armLayer(judged(), gold()))

export const incomplete = [
  // @ts-expect-error a target does not stand in for a reference
  () => run(armLayer(excess({ order: "top" }), gold()).pipe(Layer.provide(target))),
  // @ts-expect-error acceptance is measured against a target: Target is missing
  () => run(armLayer(accepted(), gold())),
  // @ts-expect-error a loss that compares to the target needs one
  () => run(armLayer(free(), matched())),
  // @ts-expect-error a loss that needs a judge
  () => run(armLayer(free(), judgedLoss())),
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
    // @ts-expect-error a loss without a target does not receive one
    defineLoss({ name: "x", target: false, options: none, make: () => ({ value: (c) => c.target.entropy_R() }) }),
  () =>
    // @ts-expect-error only declared services are in the input
    defineFilter({ name: "x", needs: [], options: none, make: () => (i) => new Uint8Array(i.judge.likes(0) ? 1 : 0) }),
]

test("code that does not type-check would not run either", async () => {
  await expect(withoutReference()).rejects.toThrow(/Reference/)
  await expect(withoutJudge()).rejects.toThrow(/Judge/)
})

test("needs are data: statistics, the models they are computed from, services", () => {
  const { statistics, models, services } = excess({ order: "top" }).needs
  expect([statistics, models, services.map(({ key }) => key)]).toEqual([
    ["draftLoss_N", "referenceLoss_N"],
    ["reference"],
    [Reference.key],
  ])
  expect(accepted().needs.models).toEqual(["target"])
  expect(matched().needs.models).toEqual(["target"])
  expect(free().needs.services).toEqual([])
  expect(judged().needs.services.map(({ key }) => key)).toEqual(["test/Judge"])
})

test("a walk of the needs builds the layers that are needed, and no other; a missing one is named", async () => {
  const built: Array<string> = []
  const from = (service: AnyService) => {
    if (service.key === Judge.key) return undefined
    const model: Layer.Layer<never> = service.key === Target.key ? target : reference
    return Layer.merge(Layer.effectDiscard(Effect.sync(() => built.push(service.key))), model)
  }
  const use = [accepted(), matched()] as const
  expect(await run(provideNeeds(armLayer(...use), use, from))).toEqual(["accepted", "matched"])
  expect(built).toEqual([Target.key])
  const lacking = [judged(), gold()] as const
  await expect(run(provideNeeds(armLayer(...lacking), lacking, from))).rejects.toThrow(
    "filter judged: needs the service test/Judge, and nothing provides it",
  )
})

test("a plugin's own services are in its input, under their names", async () => {
  const filter = await Effect.runPromise(Effect.provide(Filter, armLayer(judged(), gold()).pipe(Layer.provide(judge))))
  const input = { N: 3, gold_N: Int32Array.of(1, 0, 1), draftNll_N: Float32Array.of(1, 2, 3) }
  expect(filter.select(input as never)).toEqual(Uint8Array.of(1, 0, 1))
})

test("services under a name that is taken, or that are none, are refused where the plugin is defined", () => {
  const define = (services: object) => () =>
    defineFilter({
      name: "x",
      needs: [],
      services: services as never,
      options: none,
      make: () => () => new Uint8Array(),
    })
  expect(define({ gold_N: Judge })).toThrow('has the name "gold_N", which its function is given already')
  expect(define({ judge: {} })).toThrow('has "judge", an object; expected a Context.Service')
  expect(define({ target: Target })).toThrow('has "target", a frozen model; name the statistics of it')
})
