/**
 * Every possible choice of a head, by loss, needs, signals and library, and its numbers against the dense slow step.
 *
 * The target's probabilities are multiples of 1/8 up to a negligible rest, so 8 samples are the target itself, and so
 * are its 8 most probable tokens: all forms of signals must give the dense step's numbers of the whole target.
 */
import { afterAll, describe, expect, test } from "bun:test"
import {
  type Decoder,
  type FilterInstance,
  type LossInstance,
  linear,
  pieces,
  type ReferenceStatistic,
  readsModel,
  type Statistic,
  statisticNames,
} from "@winnow/core"
import { collate } from "@winnow/data"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { jsd } from "@winnow/loss-jsd"
import { kl } from "@winnow/loss-kl"
import { lk } from "@winnow/loss-lk"
import { negLogAcceptance } from "@winnow/loss-neg-log-acceptance"
import { reverseKl } from "@winnow/loss-reverse-kl"
import { sharpenedKl } from "@winnow/loss-sharpened-kl"
import { skewedKl } from "@winnow/loss-skewed-kl"
import { tvd } from "@winnow/loss-tvd"
import { tvdPlusPlus } from "@winnow/loss-tvd-plus-plus"
import { seeded } from "@winnow/numerics"
import { native, tf, withoutNative } from "@winnow/tensor"
import { runDenseMicroBatch } from "../dense.ts"
import { type MicroBatch, type MicroResult, runMicroBatch } from "../micro-batch.ts"
import type { CachedReference, CachedTarget } from "../signals/cached.ts"
import { instanceOf, tinyModel, V } from "../signals/fixture.ts"
import { type CachedForm, formName, signalProblems, type TargetForm } from "../signals/forms.ts"
import { type HeadSetting, headFor } from "./head.ts"

const rng = seeded(4, "head")
const batch = collate(
  [9, 6].map((length, i) => ({ ids: Int32Array.from({ length }, () => rng.below(V)), promptLength: 2 * i })),
)
const { B, T } = batch
const N = batch.row_N.length
const k = 8

/** For each position 8 draws, 4 of them of one token: ids, most frequent first. */
const draws = Array.from({ length: B * T }, () => {
  const [a, b, c, d] = [rng.below(8), 8 + rng.below(8), 16 + rng.below(8), 24 + rng.below(7)]
  return [a, a, a, a, b, b, c, d]
})
const logP = draws.map((ids) => {
  const weights = Float64Array.from({ length: V }, (_, v) => ids.filter((id) => id === v).length / k || 1e-13)
  const sum = weights.reduce((x, y) => x + y, 0)
  return Float32Array.from(weights, (w) => Math.log(w / sum))
})
/** A target whose hidden states are its log-probabilities, and whose head is the identity. */
const head_Vd = tf.variable(tf.eye(V))
const logits_BTV = tf.tensor3d(Float32Array.from(logP.flatMap((row) => [...row])), [B, T, V])
const [draft, reference] = [tinyModel("small", 2), tinyModel("small", 3)]
const target = { ...draft, head_Vd, frozenHead_Vd: head_Vd, hidden: () => logits_BTV.clone() } as unknown as Decoder
afterAll(() => {
  tf.dispose([head_Vd, logits_BTV])
  for (const model of [draft, reference]) model.dispose()
})

/** Position of the target's answer for each valid token. */
const at_N = Array.from(batch.row_N)
/** The k tokens of a row, most probable first; for samples as often as they were drawn. */
const entriesOf = (at: number, kind: "top-k" | "samples") => {
  if (kind === "samples") return draws[at]!
  return Array.from(logP[at]!.keys())
    .sort((x, y) => logP[at]![y]! - logP[at]![x]! || x - y)
    .slice(0, k)
}

const cacheOf = (form: CachedForm): CachedTarget => {
  const dispose = () => {}
  if (form === "full")
    return { form, dispose, rows: () => ({ cached: { kind: "full", V, row: (n) => logP[at_N[n]!]! } }) }
  if (form === "hidden")
    return {
      form,
      dispose,
      rows: () => ({
        hidden: {
          h_Nd: tf.tensor2d(Float32Array.from(at_N.flatMap((at) => [...logP[at]!])), [N, V]),
          head_Vd: head_Vd as unknown as tf.Tensor2D,
        },
      }),
    }
  const kind = "topK" in form ? "top-k" : "samples"
  const ids = at_N.flatMap((at) => entriesOf(at, kind))
  const logs = at_N.flatMap((at) => entriesOf(at, kind).map((id) => logP[at]![id]!))
  const p_Nk = Float32Array.from(logs, (x) => (kind === "top-k" ? Math.exp(x) : 1 / k))
  const cached = {
    kind,
    k,
    ids_Nk: Int32Array.from(ids),
    logP_Nk: Float32Array.from(logs),
    p_Nk,
    tail_N: new Float32Array(N).fill(kind === "top-k" ? (V - k) * 1e-13 : 0),
  } as const
  return { form, dispose, rows: () => ({ cached }) }
}

const losses: Record<string, LossInstance> = {
  kl: await instanceOf(kl()),
  "kl at temperature 2": await instanceOf(kl({ temperature: 2, timesTemperatureSquared: true })),
  // At step 1 of 4 the target's temperature is 0.6.
  "sharpened-kl": await instanceOf(sharpenedKl({ temperature: linear(0.8, 0.2) })),
  "reverse-kl": await instanceOf(reverseKl()),
  jsd: await instanceOf(jsd({ beta: 0.3 })),
  tvd: await instanceOf(tvd()),
  "skewed-kl": await instanceOf(skewedKl()),
  "skewed-kl, reverse": await instanceOf(skewedKl({ a: 0.3, direction: "reverse" })),
  "neg-log-acceptance": await instanceOf(negLogAcceptance()),
  lk: await instanceOf(lk()),
  "lk, by batch": await instanceOf(lk({ over: "batch" })),
  "tvd-plus-plus": await instanceOf(tvdPlusPlus()),
  "tvd-plus-plus, uniform": await instanceOf(tvdPlusPlus({ expectation: "uniform" })),
  "tvd-plus-plus, sampled": await instanceOf(tvdPlusPlus({ expectation: "sampled", samples: 3 })),
  "cross-entropy": await instanceOf(crossEntropy()),
}
const { fused: _, ...own } = losses["kl"]!
losses["kl, not known to the native head"] = own
const { fused: __, gradient: ___, ...valueOnly } = losses["jsd"]!
losses["jsd by autodiff"] = valueOnly

const needs: Record<string, ReadonlyArray<Statistic>> = {
  nothing: [],
  "the draft's loss": ["draftLoss_N"],
  "both losses": ["draftLoss_N", "referenceLoss_N"],
  "no loss": statisticNames.filter((name) => !/Loss|Margin/.test(name)),
  "all of draft and reference": statisticNames.filter((name) => !readsModel(name, "target")),
  agreement: ["agreement_N", "draftNll_N"],
  "one without a native form": ["targetMargin_N", "draftLoss_N"],
}
const forms: ReadonlyArray<TargetForm> = ["live", "hidden", "full", { topK: k }, { samples: k, seed: 0 }]
const filterOf = (needs: ReadonlyArray<Statistic>): FilterInstance => ({
  name: "f",
  needs,
  select: ({ N }) => Float32Array.from({ length: N }, (_, n) => (n % 3 === 1 ? 0 : 1 + (n % 2))),
  save: () => null,
  restore: () => {},
})

const inputOf = (filter: FilterInstance, setting: Omit<HeadSetting, "filter">): MicroBatch => ({
  ...{ batch, draft, reference, target, filter, step: 1, steps: 4, seed: 3, micro: 0, divide: true },
  head: headFor({ filter, chunkRows: 4, ...setting }),
})

/**
 * Sums over V = 31 in single precision, relative to 1 + the size; the sign in TVD is arbitrary where p is close to q.
 */
const expectSame = (found: MicroResult, dense: MicroResult, what: string) => {
  const near = (a: number, b: number, of: string) => {
    if (!(Math.abs(a - b) / (1 + Math.abs(b)) < 5e-5)) throw new Error(`${what}, ${of}: ${a}, the dense step ${b}`)
  }
  near(found.lossSum / found.denominator, dense.lossSum / dense.denominator, "loss")
  expect(Object.keys(found.statistics).sort()).toEqual(Object.keys(dense.statistics).sort())
  for (const [name, values] of Object.entries(dense.statistics))
    for (const [n, x] of values.entries()) near(found.statistics[name as Statistic]![n]!, x, `${name}[${n}]`)
  for (const [name, gradient] of Object.entries(dense.gradients)) {
    const [a, b] = [found.gradients[name]!.dataSync(), gradient.dataSync() as Float32Array]
    const largest = b.reduce((m, x) => Math.max(m, Math.abs(x)), 1e-3)
    for (const [i, x] of b.entries()) near(a[i]! / largest, x / largest, `gradient of ${name}[${i}]`)
  }
}

const seen = new Set<string>()
const libraries = { native: native(), none: false as const }

for (const [lossName, loss] of Object.entries(losses))
  describe(lossName, () => {
    for (const [needsName, names] of Object.entries(needs))
      test(`${needsName}: all signals and libraries give the dense step's numbers`, () => {
        const filter = filterOf(names)
        const before = tf.memory().numTensors
        const dense = withoutNative(() => runDenseMicroBatch(inputOf(filter, { loss })))
        const ofReference = names.filter((name) => readsModel(name, "reference")) as Array<ReferenceStatistic>
        const cachedReference: CachedReference = {
          statistics: ofReference,
          losses: () => Object.fromEntries(ofReference.map((name) => [name, dense.statistics[name]!])),
        }
        let heads = 0
        for (const form of forms)
          for (const referenceForm of ["live", "cached"] as const) {
            if (referenceForm === "cached" && ofReference.length === 0) continue
            if (signalProblems({ target: form, reference: referenceForm }, { filter, loss }, { V }).length > 0) continue
            for (const [name, library] of Object.entries(libraries)) {
              if (library === undefined) continue
              const signals = {
                ...(form !== "live" && { target: cacheOf(form) }),
                ...(referenceForm === "cached" && { reference: cachedReference }),
              }
              const input = inputOf(filter, { loss, signals, library })
              const { loss: gradient, statistics } = input.head.choice
              const run = () =>
                runMicroBatch({
                  ...input,
                  ...(form !== "live" && { target: undefined }),
                  ...(referenceForm === "cached" && { reference: undefined }),
                })
              const found = name === "none" ? withoutNative(run) : run()
              seen.add(`${name}: ${gradient}, statistics ${statistics}`)
              expectSame(found, dense, `${formName(form)}, reference ${referenceForm}, library ${name}`)
              tf.dispose(found.gradients)
              heads++
            }
          }
        expect(heads).toBeGreaterThan(libraries.native === undefined ? 0 : 1)
        tf.dispose(dense.gradients)
        expect(tf.memory().numTensors).toBe(before)
      })
  })

test("every head that can be chosen was", () => {
  const byNative = [
    ...["native, statistics native", "native, statistics none", "native, statistics plain"],
    ...["native-sampled, statistics native-sampled", "native-sampled, statistics none"],
    ...["native-sampled, statistics plain", "native-sparse, statistics native-sparse"],
    ...["native-sparse, statistics none", "plain, statistics native", "plain, statistics none"],
    "plain, statistics plain",
  ].map((choice) => `native: ${choice}`)
  expect([...seen].sort()).toEqual([
    ...(libraries.native === undefined ? [] : byNative),
    "none: plain, statistics none",
    "none: plain, statistics plain",
  ])
})

describe("the choice", () => {
  const choice = (setting: Partial<HeadSetting> & { readonly needs?: ReadonlyArray<Statistic> }) => {
    const { needs = [], ...rest } = setting
    return headFor({ filter: { needs }, loss: losses["kl"]!, ...rest }).choice
  }
  test("without the library all is plain, and products are float32", () => {
    expect(choice({ library: false, needs: ["draftLoss_N"], precision: "bfloat16" })).toEqual({
      loss: "plain",
      statistics: "plain",
      precision: "float32",
    })
  })
  test.skipIf(native() === undefined)("with it the loss's recipe and the form of the signals decide", () => {
    expect(choice({ needs: ["draftLoss_N"], precision: "bfloat16" })).toEqual({
      loss: "native",
      statistics: "native",
      precision: "bfloat16",
    })
    const of = (form: CachedForm, loss = "kl", needs: ReadonlyArray<Statistic> = []) =>
      choice({ loss: losses[loss]!, needs, signals: { target: cacheOf(form) } }).loss
    expect(of("hidden")).toBe("native")
    expect(of("full")).toBe("plain")
    expect(of({ topK: k })).toBe("native-sparse")
    expect(of({ samples: k, seed: 0 })).toBe("native-sparse")
    // An unread cache does not affect the choice.
    expect(of("full", "cross-entropy")).toBe("native")
    expect(of({ topK: k }, "cross-entropy", ["agreement_N"])).toBe("plain")
  })
  test("a reference that is cached is not read, and asks for no statistics pass", () => {
    const reference: CachedReference = { statistics: ["referenceLoss_N"], losses: () => ({}) }
    const head = headFor({
      filter: { needs: ["referenceLoss_N"] },
      loss: losses["kl"]!,
      signals: { reference },
    })
    expect(head.choice.statistics).toBe("none")
    expect([...head.reads]).toEqual(["target"])
    const other = headFor({ filter: { needs: ["draftNll_N"] }, loss: losses["cross-entropy"]!, signals: { reference } })
    expect(other.signals).toEqual({})
  })
})

test.skipIf(native() === undefined)(
  "a target at temperature 1 gives the bits of kl, at another one other bits",
  async () => {
    const filter = filterOf(["draftLoss_N", "draftNll_N"])
    const run = (loss: LossInstance) => {
      const { statistics, gradients } = runMicroBatch(inputOf(filter, { loss }))
      const numbers = [...Object.values(statistics), ...Object.values(gradients).map((x) => x.dataSync().slice())]
      tf.dispose(gradients)
      return numbers
    }
    const at = async (T: number) => run(await instanceOf(sharpenedKl({ temperature: pieces(T) })))
    const ofKl = run(losses["kl"]!)
    expect(await at(1)).toEqual(ofKl)
    expect(await at(0.99)).not.toEqual(ofKl)
  },
)

test("a statistic of a model that is not there is an error that names it", () => {
  const filter = filterOf(["referenceNll_N"])
  const input = inputOf(filter, { loss: losses["kl"]! })
  expect(() => runMicroBatch({ ...input, reference: undefined })).toThrow(
    "the statistics referenceNll_N need a reference, and this arm has none: give the arm a reference",
  )
})
