import { describe, expect, test } from "bun:test"
import { seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { argmaxRows, argmaxWithMargin } from "./head.ts"
import { adjusted, argmax, draw } from "./sampling.ts"

const sum = (p: Float64Array) => p.reduce((a, b) => a + b, 0)
const logits = (...p: ReadonlyArray<number>) => p.map(Math.log)

describe("adjusted", () => {
  test("temperature divides the logits", () => {
    const p = adjusted(logits(0.5, 0.3, 0.2), { temperature: 0.5 })
    const z = 0.25 + 0.09 + 0.04
    for (const [v, x] of [0.25, 0.09, 0.04].entries()) expect(p[v]).toBeCloseTo(x / z, 14)
  })

  test("temperature 0 is one-hot at the argmax, for equal logits at the lowest id", () => {
    expect([...adjusted([1, 3, 3, 2], { temperature: 0, topK: 2, topP: 0.1 })]).toEqual([0, 1, 0, 0])
  })

  test("a tiny temperature does not overflow and tends to the argmax", () => {
    expect([...adjusted([900, -900, 899], { temperature: 1e-3 })]).toEqual([1, 0, 0])
  })

  test("top-k keeps ties with the k-th", () => {
    const p = adjusted(logits(0.4, 0.2, 0.2, 0.1, 0.1), { temperature: 1, topK: 2 })
    expect([...p].map((x) => x > 0)).toEqual([true, true, true, false, false])
    expect(sum(p)).toBeCloseTo(1, 14)
  })

  test("top-p keeps the smallest set that reaches the mass, the token that crosses it included", () => {
    const kept = (topP: number) =>
      [...adjusted(logits(0.1, 0.5, 0.25, 0.15), { temperature: 1, topP })].map((x) => (x > 0 ? 1 : 0))
    expect(kept(0.3)).toEqual([0, 1, 0, 0])
    expect(kept(0.6)).toEqual([0, 1, 1, 0])
    expect(kept(0.8)).toEqual([0, 1, 1, 1])
    expect(kept(0.95)).toEqual([1, 1, 1, 1])
    expect(kept(1)).toEqual([1, 1, 1, 1])
  })

  test("top-p breaks ties by the lowest id", () => {
    const p = adjusted([0, 0, 0, 0], { temperature: 1, topP: 0.5 })
    expect([...p]).toEqual([0.5, 0.5, 0, 0])
  })

  test("top-p counts mass after top-k", () => {
    const p = adjusted(logits(0.4, 0.3, 0.2, 0.1), { temperature: 1, topK: 2, topP: 0.55 })
    expect([...p]).toEqual([1, 0, 0, 0]) // 0.4 / 0.7 = 0.571
  })

  test("random rows sum to 1 and keep an upper set", () => {
    const rng = seeded(3, "rows")
    for (let i = 0; i < 200; i++) {
      const row = Array.from({ length: 1 + rng.below(40) }, () => 3 * rng.normal())
      const p = adjusted(row, {
        temperature: 0.2 + 2 * rng.uniform(),
        topK: 1 + rng.below(12),
        topP: 1 - rng.uniform(),
      })
      expect(Math.abs(sum(p) - 1)).toBeLessThan(1e-12)
      const kept = row.filter((_, v) => p[v]! > 0)
      const dropped = row.filter((_, v) => p[v] === 0)
      expect(Math.min(...kept)).toBeGreaterThanOrEqual(Math.max(...dropped, Number.NEGATIVE_INFINITY))
    }
  })

  test("refuses rows that define no distribution", () => {
    expect(() => adjusted([1, Number.NaN], { temperature: 1 })).toThrow("NaN")
    expect(() => adjusted([Number.NaN, 1], { temperature: 0 })).toThrow("finite")
    expect(() => adjusted([Number.NEGATIVE_INFINITY], { temperature: 1 })).toThrow("finite")
  })
})

describe("draw", () => {
  test("is the inverse CDF", () => {
    const p = [0.25, 0, 0.5, 0.25]
    expect([0, 0.2499, 0.25, 0.7499, 0.75, 0.9999].map((u) => draw(p, u))).toEqual([0, 0, 2, 2, 3, 3])
  })

  test("never gives an id of probability 0", () => {
    expect(draw([0, 0.5, 0.5, 0], 0)).toBe(1)
    expect(draw([0, 0.3, 0.3, 0], 0.999)).toBe(2)
  })
})

test("argmax and margin on the device: of equal logits the lowest id, for narrow and wide rows", () => {
  const rng = seeded(5, "ties")
  for (const V of [2, 7, 64, 1000, 50_304]) {
    const rows = Array.from({ length: 8 }, () => Float32Array.from({ length: V }, () => rng.below(3)))
    const x = tf.tensor2d(Float32Array.from(rows.flatMap((r) => [...r])), [8, V])
    expect([...argmaxRows(x)]).toEqual(rows.map(argmax))
    const { argmax: top, margin } = tf.tidy(() => argmaxWithMargin(x) as never) as ReturnType<typeof argmaxWithMargin>
    expect([...top]).toEqual(rows.map(argmax))
    expect([...margin]).toEqual(rows.map((r) => r.toSorted().at(-1)! - r.toSorted().at(-2)!))
    x.dispose()
  }
})
