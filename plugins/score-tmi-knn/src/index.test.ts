/** The entropy of classes by hand, beside a plain slow form, and the authors' formula with its floor. */
import { describe, expect, test } from "bun:test"
import { centredStates, randomScoreInput } from "@winnow/core"
import { seeded } from "@winnow/numerics"
import { checkScore, instanceOf } from "@winnow/testing"
import { classEntropy, digamma } from "./entropy.ts"
import { tmiKnn } from "./index.ts"

type Input = ReturnType<typeof randomScoreInput>

/** One class of states of one dimension. */
const line = (...x: ReadonlyArray<number>): Input => ({
  ...randomScoreInput(1),
  ...{ N: x.length, d: 1, C: 1, h_Nd: Float32Array.from(x), class_N: new Int32Array(x.length) },
})
const scoreOf = async (options: Parameters<typeof tmiKnn>[0], input: Input) =>
  (await instanceOf(tmiKnn(options))).of(input)

/** The released formula as it is written down: all distances of a class, sorted. */
const slowly = (k: number, floor: number) => (input: Input) => {
  const { N, d, C, h_Nd, class_N } = input
  const terms: Array<number> = []
  for (let c = 0; c < C; c++) {
    const own = Array.from({ length: N }, (_, n) => n).filter((n) => class_N[n] === c)
    if (own.length > 1 && own.length <= k) continue
    const apart = (a: number, b: number) =>
      Math.max(...Array.from({ length: d }, (_, i) => Math.abs(h_Nd[a * d + i]! - h_Nd[b * d + i]!)))
    const radius = (a: number) => own.flatMap((b) => (b === a ? [] : [apart(a, b)])).toSorted((x, y) => x - y)[k - 1]!
    const logs = own.map((a) => Math.log(2 * Math.max(radius(a), floor)))
    const h =
      own.length === 1 ? 0 : digamma(own.length) - digamma(k) + (d / own.length) * logs.reduce((sum, x) => sum + x, 0)
    terms.push((h * own.length) / N)
  }
  return terms.length === 0 ? 0 : terms.reduce((sum, x) => sum + x, 0) / terms.length
}

describe("keeps the laws", () => {
  for (const k of [1, 3]) test(`as released, k = ${k}`, () => checkScore(tmiKnn({ k }), { reference: slowly(k, 1) }))
  test("without a floor in units", () => checkScore(tmiKnn({ floor: 1e-3 }), { reference: slowly(3, 1e-3) }))
  test("on a scale of its own", async () => {
    for (const scale of ["rms", "standard"] as const)
      await checkScore(tmiKnn({ scale, floor: 1e-3, floorIn: "medians", perDimension: true }), {
        scaleInvariant: true,
      })
  })
})

test("psi of whole numbers", () => {
  expect(digamma(1)).toBeCloseTo(-0.5772156649, 9)
  expect(digamma(4)).toBeCloseTo(-0.5772156649 + 1 + 1 / 2 + 1 / 3, 9)
})

test("four states in a line, by hand", async () => {
  // k = 1: nearest distances 2, 2, 3, 3 of 0, 2, 5, 8; psi(4) - psi(1) = 11/6.
  const logs = (2 * Math.log(4) + 2 * Math.log(6)) / 4
  expect(await scoreOf({ k: 1 }, line(0, 2, 5, 8))).toBeCloseTo(11 / 6 + logs, 6)
  // k = 3: the distances to the farthest one; psi(4) - psi(3) = 1/3.
  const far = (Math.log(16) + Math.log(12) + Math.log(10) + Math.log(16)) / 4
  expect(await scoreOf({}, line(0, 2, 5, 8))).toBeCloseTo(1 / 3 + far, 6)
})

test("the floor: distances below 1 count as 1, so that small states all score the same", async () => {
  const small = 1 / 3 + Math.log(2)
  expect(await scoreOf({}, line(0, 0.02, 0.05, 0.08))).toBeCloseTo(small, 6)
  expect(await scoreOf({}, line(0.5, 0.5, 0.5, 0.5))).toBeCloseTo(small, 6)
  // A floor of twice the median distance; the distances are 8, 6, 5, 8 hundredths.
  const medians = { floor: 2, floorIn: "medians" } as const
  expect(await scoreOf(medians, line(0, 0.02, 0.05, 0.08))).toBeCloseTo(1 / 3 + Math.log(2 * 2 * 0.07), 5)
})

test("a class of one state counts 0, one of 2 to k is left out of the sum and of C", async () => {
  const four = 1 / 3 + (Math.log(16) + Math.log(12) + Math.log(10) + Math.log(16)) / 4
  const states = (class_N: ReadonlyArray<number>, C: number, ...x: ReadonlyArray<number>): Input => ({
    ...line(...x),
    C,
    class_N: Int32Array.from(class_N),
  })
  expect(await scoreOf({}, states([0, 0, 0, 0, 1], 2, 0, 2, 5, 8, 9))).toBeCloseTo((four * 4) / 5 / 2, 6)
  expect(await scoreOf({}, states([0, 0, 0, 0, 1, 1], 2, 0, 2, 5, 8, 9, 9))).toBeCloseTo((four * 4) / 6, 6)
  expect(await scoreOf({}, states([0, 0, 1, 1], 2, 0, 2, 5, 8))).toBe(0)
  expect((await instanceOf(tmiKnn({ k: 5 }))).least).toBe(6)
})

test("scaling the states adds d log a; a standard normal has its entropy", () => {
  const rng = seeded(1, "normal")
  const x = Float64Array.from({ length: 2000 }, () => rng.normal())
  const options = { k: 3, floor: 0, floorIn: "units" } as const
  const one = [Int32Array.from({ length: 2000 }, (_, n) => n)]
  const [h] = classEntropy(x, 1, one, options)
  expect(h!).toBeWithin(1.419 - 0.05, 1.419 + 0.05)
  expect(
    classEntropy(
      x.map((v) => 5 * v),
      1,
      one,
      options,
    )[0]! - h!,
  ).toBeCloseTo(Math.log(5), 9)
})

test("states of unit variance: further apart classes score lower, raw states do not tell", async () => {
  const input = randomScoreInput(3, { C: 4, perClass: 30, d: 5 })
  const apart = {
    ...input,
    h_Nd: input.h_Nd.map((x, i) => x + 8 * (input.class_N[Math.floor(i / 5)] === i % 5 ? 1 : 0)),
  }
  const raw = { floor: 0 } as const
  expect(await scoreOf(raw, apart)).toBeCloseTo(await scoreOf(raw, input), 4)
  const standard = { floor: 0, scale: "standard" } as const
  expect(await scoreOf(standard, apart)).toBeLessThan((await scoreOf(standard, input)) - 0.5)
  expect(centredStates(apart.h_Nd, 120, 5, "standard").length).toBe(600)
})
