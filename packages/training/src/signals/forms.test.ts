/** The uses that each form serves or refuses, and the arithmetic of the forms. */

import { describe, expect, test } from "bun:test"
import type { Statistic } from "@winnow/core"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { jsd } from "@winnow/loss-jsd"
import { kl } from "@winnow/loss-kl"
import { reverseKl } from "@winnow/loss-reverse-kl"
import { tvd } from "@winnow/loss-tvd"
import { tvdPlusPlus } from "@winnow/loss-tvd-plus-plus"
import { fromBfloat16, toBfloat16 } from "@winnow/numerics"
import { instanceOf } from "./fixture.ts"
import {
  bytesPerToken,
  formName,
  precisionOf,
  signalProblems,
  signalsOptions,
  type TargetForm,
  usedSignals,
} from "./forms.ts"

const filter = (...needs: ReadonlyArray<Statistic>) => ({ name: "f", needs })
const losses = {
  kl: await instanceOf(kl()),
  warm: await instanceOf(kl({ temperature: 2 })),
  jsd: await instanceOf(jsd()),
  reverse: await instanceOf(reverseKl()),
  tvd: await instanceOf(tvd()),
  plusPlus: await instanceOf(tvdPlusPlus()),
  text: await instanceOf(crossEntropy()),
}
const top: TargetForm = { topK: 64 }
const samples: TargetForm = { samples: 50, seed: 0 }
const problems = (
  target: TargetForm,
  f: ReturnType<typeof filter>,
  loss: keyof typeof losses,
  more: Parameters<typeof signalProblems>[2] & { reference?: "cached" } = {},
) => signalProblems({ target, reference: more.reference ?? "live" }, { filter: f, loss: losses[loss] }, more)

describe("whole forms serve all; parts only what is right from them", () => {
  const all = filter("targetNll_N", "targetEntropy_N", "acceptance_N", "agreement_N", "hellinger_N", "draftLoss_N")
  for (const form of ["live", "hidden", "full"] as const)
    for (const loss of Object.keys(losses) as Array<keyof typeof losses>)
      test(`${form}, ${loss}`, () => expect(problems(form, all, loss)).toEqual([]))

  for (const [form, name] of [
    [top, "top 64"],
    [samples, "50 samples"],
  ] as const) {
    test(`${name}: kl at temperature 1, and losses on the text`, () => {
      expect(problems(form, filter("draftLoss_N", "referenceLoss_N", "draftEntropy_N"), "kl")).toEqual([])
      expect(problems(form, filter("draftNll_N", "referenceNll_N"), "text")).toEqual([])
    })
    for (const statistic of ["targetEntropy_N", "acceptance_N", "targetNll_N", "hellinger_N"] as const)
      test(`${name}: ${statistic} is refused`, () =>
        expect(problems(form, filter(statistic), "kl")).toEqual([
          `filter f needs ${statistic}, which is wrong from ${name} of the target; set signals.target to live, hidden or full`,
        ]))
    for (const loss of ["warm", "jsd", "reverse", "tvd", "plusPlus"] as const)
      test(`${name}: ${loss} is refused`, () => {
        const [problem, ...more] = problems(form, filter(), loss)
        expect(more).toEqual([])
        expect(problem).toContain(
          `loss ${losses[loss].name} compares all of the target's distribution, and ${name} hold`,
        )
        expect(problem).toContain("set signals.target to live, hidden or full")
      })
  }
  test("agreement comes from a top k, not from samples", () => {
    expect(problems(top, filter("agreement_N"), "kl")).toEqual([])
    expect(problems(samples, filter("agreement_N"), "kl")[0]).toContain("live, hidden or full, or a top k")
  })
  test("no more entries than the vocabulary has", () => {
    expect(problems(top, filter(), "kl", { V: 64 })).toEqual([])
    expect(problems(top, filter(), "kl", { V: 63 })[0]).toBe(
      "signals.target.topK is 64, the vocabulary 63; expected 63 at most, or full",
    )
  })
})

describe("a reference beforehand", () => {
  const excess = filter("draftLoss_N", "referenceLoss_N")
  test("is refused where it moves, or where its loss hangs on the batch", () => {
    expect(problems("live", excess, "kl", { reference: "cached" })).toEqual([])
    expect(problems("live", excess, "kl", { reference: "cached", moves: "follows the draft" })[0]).toContain(
      "the reference follows the draft, so it cannot be computed beforehand",
    )
    expect(problems("live", excess, "plusPlus", { reference: "cached" })[0]).toContain(
      "loss tvd-plus-plus has statistics of the whole batch",
    )
  })
  test("on gold tokens is of no loss, and none is needed where the filter asks for none", () => {
    expect(problems("live", filter("draftNll_N", "referenceNll_N"), "plusPlus", { reference: "cached" })).toEqual([])
    expect(problems("live", filter(), "kl", { reference: "cached", moves: "follows" })).toEqual([])
  })
})

test("unread signals are live", () => {
  const cached = { target: top, reference: "cached" } as const
  const used = (f: ReturnType<typeof filter>, loss: keyof typeof losses) =>
    usedSignals(cached, [{ filter: f, loss: losses[loss] }])
  expect(used(filter("referenceLoss_N"), "kl")).toEqual(cached)
  expect(used(filter(), "kl")).toEqual({ target: top, reference: "live" })
  expect(used(filter("referenceNll_N"), "text")).toEqual({ target: "live", reference: "cached" })
  expect(used(filter("agreement_N"), "text")).toEqual({ target: top, reference: "live" })
})

test("options have defaults, and unknown ones are refused", () => {
  expect(signalsOptions.assert({})).toEqual({ target: "live", reference: "live" })
  expect(signalsOptions.assert({ target: { samples: 12 } }).target).toEqual({ samples: 12, seed: 0 })
  for (const wrong of [
    { target: "cached" },
    { target: { topK: 0 } },
    { target: { topK: 8, seed: 1 } },
    { target: { topK: 8, precision: "float16" } },
    { target: { samples: 8, precision: "bfloat16" } },
    { draft: "live" },
  ])
    expect(signalsOptions.allows(wrong as never)).toBe(false)
})

test("a top k names the precision of its products, if it is not float32", () => {
  const form = signalsOptions.assert({ target: { topK: 8, precision: "bfloat16" } }).target
  expect([formName(form), precisionOf(form)]).toEqual(["top 8 in bfloat16", "bfloat16"])
  expect([formName({ topK: 8 }), precisionOf({ topK: 8 })]).toEqual(["top 8", undefined])
})

test("bytes a token", () => {
  const sizes = { D: 512, V: 4096 }
  expect(bytesPerToken("hidden", sizes)).toBe(1024)
  expect(bytesPerToken("full", sizes)).toBe(16384)
  expect(bytesPerToken({ topK: 64 }, sizes)).toBe(516)
  expect(bytesPerToken({ samples: 50, seed: 3 }, sizes)).toBe(400)
})

test("bfloat16: to nearest, ties to even, no value off by more than 2^-8 of itself", () => {
  const round = (x: number) => {
    const [half, back] = [new Uint16Array(1), new Float32Array(1)]
    toBfloat16(Float32Array.of(x), half)
    fromBfloat16(half, back)
    return back[0]!
  }
  const ulp = 2 ** -7 // For values from 1 to 2.
  expect([1 + ulp / 2, 1 + 1.5 * ulp, 1 + 0.51 * ulp, 1 + 0.49 * ulp].map(round)).toEqual([1, 1 + 2 * ulp, 1 + ulp, 1])
  expect([0, -0, -3, 2 ** -133].map(round)).toEqual([0, -0, -3, 2 ** -133])
  expect([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3.4e38].map(round)).toEqual([
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.POSITIVE_INFINITY,
  ])
  expect(round(Number.NaN)).toBeNaN()
  const lowNaN = new Float32Array(Uint32Array.of(0x7f800001).buffer)
  const half = new Uint16Array(1)
  toBfloat16(lowNaN, half)
  expect(half[0]! & 0x7f).toBeGreaterThan(0)
  for (let x = 1e-30; x < 1e30; x *= 1.37) expect(Math.abs(round(x) - x) / x).toBeLessThanOrEqual(2 ** -8)
})
