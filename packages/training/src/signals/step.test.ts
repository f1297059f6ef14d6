/** The step with signals from a cache against the step with live models: loss, statistics and gradients, by form. */
import { afterAll, describe, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { FilterInstance, LossInstance, ReferenceStatistic, SparseRows, Statistic } from "@winnow/core"
import { batches } from "@winnow/data"
import { adaspec } from "@winnow/filter-adaspec"
import { focusFinetune } from "@winnow/filter-focus-finetune"
import { jsd } from "@winnow/loss-jsd"
import { kl } from "@winnow/loss-kl"
import { reverseKl } from "@winnow/loss-reverse-kl"
import { tvd } from "@winnow/loss-tvd"
import { tvdPlusPlus } from "@winnow/loss-tvd-plus-plus"
import { native, tf, withoutNative, withPrecision } from "@winnow/tensor"
import { Effect } from "effect"
import { validRows } from "../draft-entries.ts"
import { type Parts, withHead } from "../fixture.ts"
import { type MicroResult, runMicroBatch } from "../micro-batch.ts"
import { type CachedSignals, cachedReference, cachedTarget } from "./cached.ts"
import { instanceOf, tinyExamples, tinyModel, V } from "./fixture.ts"
import type { CachedForm } from "./forms.ts"
import { makeReferenceSignals, makeTargetSignals } from "./make.ts"
import { openSignals } from "./read.ts"

const folder = mkdtempSync(join(tmpdir(), "winnow-signals-step-"))
const [target, draft, reference] = [tinyModel("large", 1), tinyModel("small", 2), tinyModel("small", 3)]
afterAll(() => {
  for (const model of [target, draft, reference]) model.dispose()
  rmSync(folder, { recursive: true, force: true })
})

const examples = tinyExamples(23)
const batch = batches(examples, { batchSize: 6, seed: 4 }).batch(2)
const identity = { weights: "a", code: "b" }
let made = 0
const making = { identity, examples, chunkRows: 7, batchTokens: 40, piece: { bytes: 1e9, tokens: 25 } }

const cacheTarget = async (form: CachedForm, how: Partial<typeof making> = {}) => {
  const directory = join(folder, String(made++))
  const header = await Effect.runPromise(makeTargetSignals({ ...making, ...how, directory, target, form }))
  expect(header.pieces.length > 3).toBe(how.piece === undefined)
  return cachedTarget(openSignals(directory, identity, examples), form)
}
const cacheReference = async (
  loss: LossInstance,
  statistics: ReadonlyArray<ReferenceStatistic>,
  signals?: CachedSignals,
) => {
  const directory = join(folder, String(made++))
  const more = signals === undefined ? { target } : { signals }
  await Effect.runPromise(makeReferenceSignals({ ...making, ...more, directory, reference, statistics, loss }))
  return cachedReference(openSignals(directory, identity, examples), statistics)
}

/** Every statistic of a whole target; weights that depend on several of them. */
const everything: FilterInstance = {
  name: "everything",
  needs: [
    "draftLoss_N",
    "referenceLoss_N",
    "referenceNll_N",
    "targetNll_N",
    "targetEntropy_N",
    "acceptance_N",
    "agreement_N",
  ],
  select: ({ acceptance_N, draftLoss_N, referenceLoss_N }) =>
    acceptance_N.map((a, n) => (draftLoss_N[n]! > referenceLoss_N[n]! ? 1 - a : 0)),
  save: () => null,
  restore: () => {},
}
const fixed = (needs: ReadonlyArray<Statistic>): FilterInstance => ({
  ...everything,
  needs,
  select: ({ N }) => Float32Array.from({ length: N }, (_, n) => (n % 3 === 0 ? 0 : 1 + (n % 2))),
})

/** Largest difference of losses and statistics, and of gradients relative to the largest entry of each. */
const differences = (a: MicroResult, b: MicroResult) => {
  let [statistic, gradient] = [Math.abs(a.lossSum / a.denominator - b.lossSum / b.denominator), 0]
  for (const [name, values] of Object.entries(b.statistics))
    for (const [n, x] of values.entries())
      statistic = Math.max(statistic, Math.abs(x - a.statistics[name as Statistic]![n]!))
  for (const [name, tensor] of Object.entries(b.gradients)) {
    const [x, y] = [a.gradients[name]!.dataSync(), tensor.dataSync()] as [Float32Array, Float32Array]
    const largest = y.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-3)
    for (let i = 0; i < y.length; i++) gradient = Math.max(gradient, Math.abs(x[i]! - y[i]!) / largest)
  }
  expect(Object.keys(a.gradients)).toEqual(Object.keys(b.gradients))
  tf.dispose([a.gradients, b.gradients])
  return { statistic, gradient }
}

/** As in the step's own tests: float32 sums over V = 31 and d <= 24, in another order. */
const rounding = 2e-5
const live = { target, reference }
const losses: Record<string, Promise<LossInstance>> = {
  kl: instanceOf(kl()),
  "kl at temperature 2": instanceOf(kl({ temperature: 2 })),
  "reverse-kl": instanceOf(reverseKl()),
  jsd: instanceOf(jsd()),
  tvd: instanceOf(tvd()),
}

const paths = { "by the native head": <T>(run: () => T): T => run(), "by plain ops": withoutNative }
for (const [path, by] of Object.entries(paths))
  describe(path, () => {
    const step = (filter: FilterInstance, loss: LossInstance, models: Partial<Parts>): MicroResult =>
      by(() =>
        runMicroBatch(
          withHead({
            batch,
            draft,
            filter,
            loss,
            step: 3,
            steps: 10,
            seed: 7,
            micro: 0,
            chunkRows: 5,
            divide: true,
            ...models,
          }),
        ),
      )

    describe("all logits: the step of live models, for every loss and statistic, and no tensor is left", () => {
      for (const [name, made] of Object.entries(losses))
        test(name, async () => {
          const [loss, before] = [await made, tf.memory().numTensors]
          const cached = await cacheTarget("full")
          const read = { target: cached }
          const signals = {
            ...read,
            reference: await cacheReference(loss, ["referenceLoss_N", "referenceNll_N"], read),
          }
          const { statistic, gradient } = differences(step(everything, loss, { signals }), step(everything, loss, live))
          expect(statistic).toBeLessThan(rounding)
          expect(gradient).toBeLessThan(rounding)
          cached.dispose()
          expect(tf.memory().numTensors).toBe(before)
        })
      test("tvd-plus-plus, whose batch statistics are of the draft and the cached target", async () => {
        const loss = await instanceOf(tvdPlusPlus())
        const cached = await cacheTarget("full")
        const found = differences(
          step(everything, loss, { reference, signals: { target: cached } }),
          step(everything, loss, live),
        )
        expect(Math.max(found.statistic, found.gradient)).toBeLessThan(rounding)
      })
    })

    test("the reference's losses, computed beforehand in float32, equal the live ones except for the order of sums", async () => {
      const before = tf.memory().numTensors
      for (const filter of [await instanceOf(adaspec({ k: 0.4 })), await instanceOf(focusFinetune({ k: 0.5 }))]) {
        const loss = await losses["kl"]!
        const names = filter.needs.filter((s) => s.startsWith("reference")) as Array<ReferenceStatistic>
        const signals = { reference: await cacheReference(loss, names) }
        const [cached, plain] = [step(filter, loss, { target, signals }), step(filter, loss, live)]
        expect(cached.weights_N).toEqual(plain.weights_N)
        const { statistic, gradient } = differences(cached, plain)
        // Losses of up to 10 nats, in float32.
        expect(statistic).toBeLessThan(1e-5)
        expect(gradient).toBeLessThan(1e-5)
      }
      expect(tf.memory().numTensors).toBe(before)
    })

    test("hidden states in bfloat16: the loss and its gradient are within the bound of that rounding", async () => {
      const before = tf.memory().numTensors
      const filter = fixed(["draftLoss_N", "targetEntropy_N", "acceptance_N"])
      const loss = await losses["kl"]!
      const cached = await cacheTarget("hidden")
      expect(tf.memory().numTensors).toBe(before + 1) // The head.
      const rounded = step(filter, loss, { signals: { target: cached } })
      const whole = step(filter, loss, live)

      // For each row: no logit moves by more than 2^-8 sum_d |h_d| |W_vd| = e, so no log p by more than 2 e, no p by
      // more than a factor exp(2 e), and with m = max |log p - log q|: |change of KL| <= 2 e + (exp(2 e) - 1) (m + 2
      // e).
      const bounds = tf.tidy(() => {
        const ids_BT = tf.tensor2d(batch.ids_BT, [batch.B, batch.T], "int32")
        const row_N = tf.tensor1d(batch.row_N, "int32")
        const of = (model: typeof target) => {
          const h = validRows(model.hidden(ids_BT), row_N)
          return { h, logP: tf.logSoftmax(tf.matMul(h, model.head_Vd as unknown as tf.Tensor2D, false, true)) }
        }
        const [p, q] = [of(target), of(draft)]
        const e = tf.mul(tf.max(tf.matMul(tf.abs(p.h), tf.abs(target.head_Vd) as tf.Tensor2D, false, true), 1), 2 ** -8)
        const m = tf.max(tf.abs(tf.sub(p.logP, q.logP)), 1)
        return { e: e.dataSync(), m: m.dataSync() }
      })
      let largest = 0
      for (const [n, loss] of whole.statistics.draftLoss_N!.entries()) {
        const [e, m] = [bounds.e[n]!, bounds.m[n]!]
        const difference = Math.abs(rounded.statistics.draftLoss_N![n]! - loss)
        expect(difference).toBeLessThan(2 * e + Math.expm1(2 * e) * (m + 2 * e))
        // Acceptance moves at most by half the L1 distance of the two p.
        const moved = Math.abs(rounded.statistics.acceptance_N![n]! - whole.statistics.acceptance_N![n]!)
        expect(moved).toBeLessThan(Math.expm1(2 * e) / 2 + 1e-6)
        largest = Math.max(largest, difference)
      }
      expect(largest).toBeGreaterThan(1e-5) // It is rounded, and by no more than the usual amount.
      expect(largest).toBeLessThan(0.02)
      expect(differences(rounded, whole).gradient).toBeLessThan(0.02)
      cached.dispose()
      expect(tf.memory().numTensors).toBe(before)
    })

    describe.skipIf(native() === undefined)("by the native head as on chunks of logits", () => {
      const names: ReadonlyArray<Statistic> = ["draftLoss_N", "referenceLoss_N", "draftEntropy_N", "referenceNll_N"]
      for (const form of [{ topK: 1 }, { topK: 7 }, { topK: V }, { samples: 9, seed: 3 }])
        test(JSON.stringify(form), async () => {
          const loss = await instanceOf(kl({ timesTemperatureSquared: true }))
          const signals = { target: await cacheTarget(form) }
          const needs = "topK" in form ? [...names, "agreement_N" as const] : names
          const before = tf.memory().numTensors
          const run = (filter: FilterInstance) => step(filter, loss, { reference, signals })
          for (const filter of [fixed(needs), fixed([])]) {
            const { statistic, gradient } = differences(
              run(filter),
              withoutNative(() => run(filter)),
            )
            expect(statistic).toBeLessThan(rounding)
            expect(gradient).toBeLessThan(rounding)
          }
          expect(tf.memory().numTensors).toBe(before)
        })
    })

    describe("top k with tail", () => {
      test("k = V is the whole target", async () => {
        const loss = await losses["kl"]!
        const filter = fixed(["draftLoss_N", "referenceLoss_N", "agreement_N"])
        const cached = await cacheTarget({ topK: V })
        const read = { target: cached }
        const signals = { ...read, reference: await cacheReference(loss, ["referenceLoss_N"], read) }
        const { statistic, gradient } = differences(step(filter, loss, { signals }), step(filter, loss, live))
        expect(statistic).toBeLessThan(rounding)
        expect(gradient).toBeLessThan(rounding)
      })
      test("fewer: the loss is less by no more than the tail, more entries come closer, agreement is exact", async () => {
        const loss = await losses["kl"]!
        const filter = fixed(["draftLoss_N", "agreement_N"])
        let [before, gradientBefore] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
        for (const topK of [1, 4, 16]) {
          const [cached, plain] = [
            step(filter, loss, { signals: { target: await cacheTarget({ topK }) } }),
            step(filter, loss, live),
          ]
          expect(cached.statistics.agreement_N).toEqual(plain.statistics.agreement_N!)
          let missing = 0
          for (const [n, loss] of plain.statistics.draftLoss_N!.entries()) {
            expect(cached.statistics.draftLoss_N![n]!).toBeLessThan(loss + 1e-5)
            missing += loss - cached.statistics.draftLoss_N![n]!
          }
          expect(missing).toBeLessThan(before)
          before = missing
          const { gradient } = differences(cached, plain)
          expect(gradient).toBeLessThan(gradientBefore)
          gradientBefore = gradient
        }
        expect(before).toBeGreaterThan(1e-3)
      })
    })

    test("samples: their mean over many seeds is the whole target's loss and gradient", async () => {
      const loss = await losses["kl"]!
      const filter = fixed(["draftLoss_N"])
      const plain = step(filter, loss, live)
      const draws = 60
      const atOnce = { piece: { bytes: 1e9, tokens: 1e9 }, batchTokens: 400, chunkRows: 100 }
      const N = batch.row_N.length
      const sum_N = new Float64Array(N)
      const squares_N = new Float64Array(N)
      const name = "lm_head.weight"
      const sum = new Float64Array(plain.gradients[name]!.size)
      let single = 0
      const exact = plain.gradients[name]!.dataSync() as Float32Array
      const largest = exact.reduce((m, v) => Math.max(m, Math.abs(v)), 0)
      for (let seed = 0; seed < draws; seed++) {
        const sampled = step(filter, loss, { signals: { target: await cacheTarget({ samples: 8, seed }, atOnce) } })
        for (const [n, x] of sampled.statistics.draftLoss_N!.entries()) {
          sum_N[n]! += x
          squares_N[n]! += x * x
        }
        for (const [i, x] of sampled.gradients[name]!.dataSync().entries()) {
          sum[i]! += x
          single = Math.max(single, Math.abs(x - exact[i]!) / largest)
        }
        tf.dispose(sampled.gradients)
      }
      // Every row's mean is within 5 standard errors; one in 10^6 rows is further off by chance.
      for (const [n, loss] of plain.statistics.draftLoss_N!.entries()) {
        const mean = sum_N[n]! / draws
        const error = Math.sqrt(Math.max(0, squares_N[n]! / draws - mean * mean) / draws)
        expect(Math.abs(mean - loss)).toBeLessThan(5 * error + 1e-5)
      }
      let averaged = 0
      for (const [i, x] of sum.entries()) averaged = Math.max(averaged, Math.abs(x / draws - exact[i]!) / largest)
      expect(averaged).toBeLessThan(single / 3) // Noise falls by sqrt(60) = 7.7.
      tf.dispose(plain.gradients)
    })

    test("a loss that draws at random at each step is not computed beforehand", async () => {
      const { fused: _, ...given } = await losses["kl"]!
      const loss: LossInstance = {
        ...given,
        name: "drawn",
        value: ({ draft, uniform_R }) => tf.mul(draft.entropy_R(), tf.tensor1d(uniform_R)),
      }
      await expect(cacheReference(loss, ["referenceLoss_N"])).rejects.toThrow("loss drawn draws at random at each step")
      const moved: LossInstance = {
        ...loss,
        name: "moved",
        value: ({ draft, step }) => tf.mul(draft.entropy_R(), step),
      }
      await expect(cacheReference(moved, ["referenceLoss_N"])).rejects.toThrow("loss moved changes with the steps")
    })
  })

describe.skipIf(native() === undefined)("a top k in bfloat16 (skipped: no native library)", () => {
  const step = (filter: FilterInstance, loss: LossInstance, models: Partial<Parts>): MicroResult =>
    withPrecision("bfloat16", () =>
      runMicroBatch(
        withHead({
          ...{ batch, draft, filter, loss, step: 3, steps: 10, seed: 7, micro: 0, chunkRows: 5, divide: true },
          ...{ precision: "bfloat16", ...models },
        }),
      ),
    )
  test("k = V is the target of a live step in bfloat16", async () => {
    const [loss, filter] = [await losses["kl"]!, fixed(["draftLoss_N", "agreement_N"])]
    const before = tf.memory().numTensors
    const cached = step(filter, loss, { signals: { target: await cacheTarget({ topK: V, precision: "bfloat16" }) } })
    const { statistic, gradient } = differences(cached, step(filter, loss, live))
    expect(statistic).toBeLessThan(rounding)
    expect(gradient).toBeLessThan(4e-3) // Terms of a gradient are rounded to bfloat16, of two forms at other places.
    expect(tf.memory().numTensors).toBe(before)
  })
  test("the entries are near those in float32, and are not the same", async () => {
    const of = async (form: CachedForm) => (await cacheTarget(form)).rows(batch) as { cached: SparseRows }
    const [{ cached: whole }, { cached: rounded }] = [
      await of({ topK: 7 }),
      await of({ topK: 7, precision: "bfloat16" }),
    ]
    const apart = whole.logP_Nk.map((x, i) => Math.abs(x - rounded.logP_Nk[i]!)).toSorted()
    expect(apart.at(-1)!).toBeGreaterThan(0)
    expect(apart.at(-1)!).toBeLessThan(0.3) // Logits of size 5 after two layers, all products of rounded operands.
    const tails = whole.tail_N.map((t, n) => Math.abs(t - rounded.tail_N[n]!)).toSorted()
    expect(tails.at(-1)!).toBeLessThan(0.02)
  })
})
