/** Filters and losses that break their contract: the error names the plugin, the value that it returned and the expected one. */
import { describe, expect, test } from "bun:test"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import { InvalidInput } from "../errors.ts"
import { defineFilter, type Select, type StatefulFilter } from "../filter.ts"
import { defineLoss, type LossInstance } from "../loss.ts"
import type { LossFunctions } from "../loss-functions.ts"
import type { Statistic } from "../statistics/index.ts"
import { instance, none, thrown, untyped, untypedFilter } from "./contract.fixture.ts"
import { faultIn } from "./fault.ts"
import { tryFilter } from "./try-filter.ts"
import { isFlat, tryLoss, trySparse } from "./try-loss.ts"

describe("definitions", () => {
  const filter = (spec: object) => () =>
    untypedFilter({ name: "odd", needs: [], options: none, make: () => {}, ...spec })
  const cases: ReadonlyArray<[string, () => unknown, string]> = [
    [
      "a misspelt statistic",
      filter({ needs: ["draftLos_N"] }),
      'its needs names "draftLos_N", which is no statistic; did you mean draftLoss_N?',
    ],
    ["needs left out", filter({ needs: undefined }), "its needs is undefined; expected a list, [] for none"],
    ["a misspelt field", filter({ need: [] }), "it is defined with a field need; did you mean needs?"],
    ["a name with a slash", filter({ name: "a/b" }), 'its name is "a/b"; expected 1 to 64 letters and digits'],
    ["the name __proto__", filter({ name: "__proto__" }), 'its name is "__proto__"; expected'],
    ["no options", filter({ options: undefined }), "its options is undefined; expected an arktype schema"],
    [
      "options that are no schema",
      filter({ options: { k: "number" } }),
      "its options is an object; expected an arktype schema",
    ],
    [
      "a loss that does not say whether it needs a target",
      () => (defineLoss as (spec: unknown) => unknown)({ name: "odd", options: none, make: () => ({}) }),
      "its target is undefined; expected true or false",
    ],
  ]
  for (const [what, define, message] of cases)
    test(what, () => {
      const text = thrown(define)
      expect(text).toContain(message)
      expect(text).toMatch(/^(filter|loss) /)
      expect(text).toMatch(/contract\.test\.ts:\d+\)$/)
    })

  test("make that returns no filter, that is async, or throws", async () => {
    const message = async (make: () => unknown) => {
      const use = untypedFilter({ name: "odd", needs: [], options: none, make })()
      return ((await Effect.runPromise(Effect.flip(use.instance))) as InvalidInput).message
    }
    expect(await message(() => undefined)).toContain(
      "filter odd: make returned undefined; expected a function, or { select, save, restore }",
    )
    expect(await message(async () => () => new Uint8Array(1))).toContain("make returned a Promise; expected a function")
    expect(await message(() => ({ select: () => {} }))).toContain("make returned an object; expected a function, or {")
    const text = await message(() => {
      throw new TypeError("no such thing")
    })
    expect(text).toMatch(
      /^filter odd: make threw TypeError: no such thing \(packages\/core\/src\/contract\/contract\.test\.ts:\d+\)$/,
    )
  })

  test("a long or circular value is shown in part", () => {
    const ring: { self?: unknown } = {}
    ring.self = ring
    for (const needs of [["x".repeat(10_000)], [ring], ring]) expect(thrown(filter({ needs })).length).toBeLessThan(700)
  })
})

describe("filters", () => {
  const filter = (select: unknown, needs: ReadonlyArray<Statistic> = ["draftLoss_N"]) => {
    const use = defineFilter({ name: "odd", needs, options: none, make: () => untyped<Select<Statistic>>(select) })()
    return () => Effect.runSync(use.instance)
  }
  const all = ({ N }: { N: number }) => new Uint8Array(N).fill(1)
  const cases: ReadonlyArray<[string, unknown, string]> = [
    [
      "a plain array",
      ({ N }: { N: number }) => new Array(N).fill(1),
      "returned a plain array of 48; expected a Uint8Array or Float32Array of 48 weights",
    ],
    [
      "async",
      async (input: { N: number }) => all(input),
      "returned a Promise; expected a Uint8Array or Float32Array of 48 weights; a filter is a plain function",
    ],
    ["nothing", () => {}, "returned undefined; expected"],
    ["a number", () => 1, "returned the number 1; expected"],
    ["doubles", ({ N }: { N: number }) => new Float64Array(N).fill(1), "returned a Float64Array of 48; expected"],
    ["too long", ({ N }: { N: number }) => new Uint8Array(N + 1).fill(1), "returned 49 weights for 48 valid tokens"],
    ["negative", ({ N }: { N: number }) => new Float32Array(N).fill(-1), "weight 0 is -1; weights are finite numbers"],
    ["NaN", ({ N }: { N: number }) => new Float32Array(N).fill(Number.NaN), "weight 0 is NaN"],
    ["none kept", ({ N }: { N: number }) => new Uint8Array(N), "kept no token"],
    [
      "a normaliser that is none",
      (i: { N: number }) => ({ weights_N: all(i), divideBy: "sum" }),
      'divideBy "sum"; expected "kept" or "valid"',
    ],
    [
      "scores that are no list of numbers",
      (i: { N: number }) => ({ weights_N: all(i), divideBy: "kept", score_N: [1] }),
      "returned score_N that is a plain array of 1; expected a Float32Array of 48, or none",
    ],
    [
      "a score that is not finite",
      (i: { N: number }) => ({ weights_N: all(i), divideBy: "kept", score_N: new Float32Array(i.N).fill(Number.NaN) }),
      "score 0 is NaN; scores are finite numbers",
    ],
    [
      "writes to its input",
      (i: { N: number; draftLoss_N: Float32Array }) => [i.draftLoss_N.fill(0), all(i)][1],
      "wrote to draftLoss_N",
    ],
    [
      "writes to the gold tokens",
      (i: { N: number; gold_N: Int32Array }) => [i.gold_N.fill(0), all(i)][1],
      "wrote to gold_N",
    ],
    ["sets a field", (i: { N: number; step: number }) => [(i.step = 1), all(i)][1], "its function threw TypeError"],
    [
      "undeclared",
      (i: { N: number; acceptance_N: Float32Array }) => [i.acceptance_N[0], all(i)][1],
      "reads acceptance_N, which its needs do not list",
    ],
    [
      "misspelt",
      (i: { N: number; draftLos_N: Float32Array }) => [i.draftLos_N, all(i)][1],
      "reads draftLos_N, which does not exist; did you mean draftLoss_N?",
    ],
    [
      "misspelt with a default",
      ({ N, dratNll_N = new Float32Array(N) }: { N: number; dratNll_N?: Float32Array }) => dratNll_N,
      "did you mean draftNll_N? Add draftNll_N to its needs",
    ],
    [
      "throws",
      () => {
        throw new RangeError("at step 0")
      },
      "its function threw RangeError: at step 0",
    ],
    [
      "throws late",
      (i: { N: number; step: number }) => {
        if (i.step > 200) throw new Error("late")
        return all(i)
      },
      "its function threw late",
    ],
    [
      "chance of its own",
      ({ N }: { N: number }) => Float32Array.from({ length: N }, () => Math.random()),
      "two fresh instances chose differently",
    ],
  ]
  for (const [what, select, message] of cases)
    test(what, () => {
      const text = thrown(() => tryFilter(filter(select), 300))
      expect(text).toStartWith("filter odd: ")
      expect(text).toContain(message)
      expect(text.length).toBeLessThan(400)
    })

  test("a memory that is not saved, or is no JSON", () => {
    const stateful = (save: () => unknown) => {
      const make = (): StatefulFilter<"draftNll_N"> => {
        let calls = 0
        return {
          select: ({ N, draftNll_N }) => Float32Array.from({ length: N }, (_, n) => ++calls + draftNll_N[n]!),
          save: () => (save() === "calls" ? calls : save()),
          restore: (state) => {
            calls = Number(state)
          },
        }
      }
      const use = defineFilter({ name: "odd", needs: ["draftNll_N"], options: none, make })()
      return () => Effect.runSync(use.instance)
    }
    tryFilter(
      stateful(() => "calls"),
      10,
    )
    expect(
      thrown(() =>
        tryFilter(
          stateful(() => 0),
          10,
        ),
      ),
    ).toContain("after save and restore it chooses otherwise")
    expect(
      thrown(() =>
        tryFilter(
          stateful(() => undefined),
          10,
        ),
      ),
    ).toContain("save returned undefined, which JSON cannot hold")
    expect(
      thrown(() =>
        tryFilter(
          stateful(() => 1n),
          10,
        ),
      ),
    ).toContain("save returned what JSON cannot hold")
  })

  test("a threshold that ordinary, small or large figures do not reach is no fault", () => {
    const above = (x: number) =>
      filter(({ draftLoss_N }: { draftLoss_N: Float32Array }) => draftLoss_N.map((l) => (l > x ? 1 : 0)))
    const below = (x: number) =>
      filter(({ draftLoss_N }: { draftLoss_N: Float32Array }) => draftLoss_N.map((l) => (l < x ? 1 : 0)))
    for (const fresh of [above(5), above(0.001), below(0.01), below(100)]) tryFilter(fresh, 50)
  })

  test("an input can be spread, printed and asked for what all objects have", async () => {
    const seen: Array<string> = []
    const fresh = filter((input: { N: number }) => {
      seen.push(Bun.inspect({ ...input }), String(input), JSON.stringify({ n: input.N }))
      return all({ ...input })
    })
    tryFilter(fresh, 3)
    expect(seen.length).toBeGreaterThan(0)
  })
})

describe("losses", () => {
  type Chunk = Parameters<LossFunctions<true>["value"]>[0]
  const value = ({ draft, target }: Chunk) => tf.sum(tf.squaredDifference(draft.p_RV(), target.p_RV()), 1)
  const loss = async (functions: unknown, target = true): Promise<LossInstance> => {
    const use = defineLoss({
      name: "odd",
      target,
      options: none,
      make: () => untyped<LossFunctions<boolean>>(functions),
    })()
    return instance(use)
  }
  const gradient_RV = ({ draft }: Chunk) => tf.zerosLike(draft.logits_RV)
  const cases: ReadonlyArray<[string, unknown, string]> = [
    [
      "a scalar",
      { value: (c: Chunk) => tf.mean(value(c)) },
      "value returned a tensor of shape []; expected a float32 tensor of shape [64]",
    ],
    [
      "a column",
      { value: (c: Chunk) => tf.expandDims(value(c), 1) },
      "value returned a tensor of shape [64, 1]; expected a float32 tensor of shape [64]",
    ],
    [
      "integers",
      { value: (c: Chunk) => tf.cast(value(c), "int32") },
      "value returned a tensor of type int32; expected a float32 tensor",
    ],
    ["a number", { value: () => 1 }, "value returned the number 1; expected a float32 tensor"],
    [
      "async",
      { value: async (c: Chunk) => value(c) },
      "value returned a Promise; expected a float32 tensor of shape [64], from a plain function",
    ],
    ["not finite", { value: (c: Chunk) => tf.log(tf.sub(value(c), 10)) }, "value gave NaN in row 0"],
    [
      "a gradient alone",
      { value, gradient: gradient_RV },
      "gradient returned a Tensor; expected { loss_R, gradient_RV }",
    ],
    [
      "a gradient of another shape",
      { value, gradient: (c: Chunk) => ({ loss_R: value(c), gradient_RV: value(c) }) },
      "gradient's gradient_RV returned a tensor of shape [64]; expected a float32 tensor of shape [64, 32]",
    ],
    [
      "another loss beside the gradient",
      { value, gradient: (c: Chunk) => ({ loss_R: tf.mul(value(c), 2), gradient_RV: tf.onesLike(c.draft.logits_RV) }) },
      "gradient gave loss_R",
    ],
    [
      "no gradient at all",
      { value, gradient: (c: Chunk) => ({ loss_R: value(c), gradient_RV: gradient_RV(c) }) },
      "the gradient is 0 everywhere",
    ],
    ["no way for autodiff", { value: ({ target }: Chunk) => tf.sum(target.p_RV(), 1) }, "odd: "],
    [
      "batch rows of one dimension",
      { value, batch: { rows: value, combine: () => [1] } },
      "batch.rows returned a tensor of shape [64]; expected a float32 tensor of shape [64, M]",
    ],
    [
      "combine without numbers",
      { value, batch: { rows: (c: Chunk) => tf.expandDims(value(c), 1), combine: () => ({ mean: 1 }) } },
      "batch.combine returned an object; expected a list of numbers",
    ],
    [
      "combine with NaN",
      { value, batch: { rows: (c: Chunk) => tf.expandDims(value(c), 1), combine: () => [Number.NaN] } },
      "batch.combine returned NaN",
    ],
    ["keeps a tensor", { value: (c: Chunk) => tf.keep(value(c)) }, "leaves 2 tensors more"],
    [
      "disposes of the step's",
      {
        value: (c: Chunk) => {
          const x = value(c)
          c.gold_R.dispose()
          return x
        },
      },
      "disposed",
    ],
    [
      "a misspelt field of the chunk",
      { value: (c: Chunk & { gold: tf.Tensor1D }) => c.draft.nll_R(c.gold) },
      "reads gold of its chunk, which does not exist; did you mean gold_R?",
    ],
    ["a misspelt function", { value, gradiant: () => {} }, "make returned a field gradiant; did you mean gradient?"],
    ["no value", { loss: value }, "make returned an object without a function `value`"],
    [
      "a fused form that there is not",
      { value, fused: { form: "kl2" } },
      "its fused form is none that the native head knows",
    ],
    [
      "throws",
      { value: (c: { draft: { nope: () => tf.Tensor1D } }) => c.draft.nope() },
      "value threw TypeError: c.draft.nope is not a function",
    ],
  ]
  for (const [what, functions, message] of cases)
    test(what, async () => {
      const before = tf.memory().numTensors
      let text = ""
      try {
        tryLoss(await loss(functions), 32)
      } catch (error) {
        text = error instanceof Error ? error.message : String(error)
        expect(faultIn(error) ?? error).toBeInstanceOf(InvalidInput)
      }
      expect(text).toContain("loss odd: ")
      expect(text).toContain(message)
      expect(text.length).toBeLessThan(500)
      if (what !== "keeps a tensor") expect(tf.memory().numTensors - before).toBeLessThanOrEqual(0)
    })

  test("a loss without a target that reads one", async () => {
    const suspect = await loss({ value }, false)
    expect(thrown(() => tryLoss(suspect, 8))).toContain(
      "loss odd: reads the target, but has target: false; set target: true",
    )
  })

  test("a sparse form is tried too", async () => {
    const sparse = { value: (c: { gold_R: tf.Tensor1D }) => tf.sum(tf.cast(c.gold_R, "float32")), gradient: () => ({}) }
    const suspect = await loss({ value, sparse })
    expect(thrown(() => trySparse(suspect, 8, "top-k"))).toContain("sparse.value returned a tensor of shape []")
  })

  test("a loss that is flat where it is tried is no fault: its trial says so", async () => {
    const sharp: LossFunctions<boolean> = { value: ({ draft }) => tf.sum(tf.maximum(draft.p_RV(), 1.5), 1) }
    expect(isFlat(tryLoss(await loss(sharp), 32))).toBe(true)
    expect(isFlat(tryLoss(await loss({ value }), 32))).toBe(false)
  })

  test("a sound loss passes and leaves nothing behind", async () => {
    const sound = await loss({ value })
    const before = tf.memory().numTensors
    tryLoss(sound, 32)
    expect(tf.memory().numTensors).toBe(before)
  })
})
