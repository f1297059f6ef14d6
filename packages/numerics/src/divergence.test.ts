import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import {
  crossEntropy,
  entropy,
  jsDivergence,
  klDivergence,
  overlap,
  reverseKlDivergence,
  totalVariation,
} from "./divergence.ts"
import { logSoftmax, logSumExp, softmax } from "./log-softmax.ts"

const row = (V: number) => fc.array(fc.double({ min: -60, max: 60, noNaN: true }), { minLength: V, maxLength: V })
const pair = fc.integer({ min: 1, max: 12 }).chain((V) => fc.tuple(row(V), row(V)))
const close = (a: number, b: number, by = 1e-9) => expect(Math.abs(a - b)).toBeLessThanOrEqual(by * (1 + Math.abs(b)))

/** [1/2, 1/2] against [1/4, 3/4], by hand. */
const p = [0.5, 0.5].map(Math.log)
const q = [0.25, 0.75].map(Math.log)

describe("by hand", () => {
  test("entropy, cross-entropy", () => {
    close(entropy(p), Math.log(2))
    close(crossEntropy(p, q), -0.5 * Math.log(3 / 16))
  })
  test("divergences", () => {
    close(klDivergence(p, q), 0.5 * Math.log(4 / 3))
    close(reverseKlDivergence(p, q), 0.25 * Math.log(0.5) + 0.75 * Math.log(1.5))
    close(totalVariation(p, q), 0.25)
    close(overlap(p, q), 0.75)
    const m = [3 / 8, 5 / 8].map(Math.log)
    close(jsDivergence(p, q), (klDivergence(p, m) + klDivergence(q, m)) / 2)
  })
  test("disjoint supports", () => {
    const [a, b] = [
      [0, Number.NEGATIVE_INFINITY],
      [Number.NEGATIVE_INFINITY, 0],
    ]
    expect(klDivergence(a, b)).toBe(Number.POSITIVE_INFINITY)
    close(jsDivergence(a, b), Math.log(2))
    expect(totalVariation(a, b)).toBe(1)
    expect(entropy(a)).toBeCloseTo(0, 12)
    expect(crossEntropy(a, a)).toBeCloseTo(0, 12)
  })
})

describe("for any logits", () => {
  test("bounds, zeros and identities", () => {
    fc.assert(
      fc.property(pair, ([x, y]) => {
        const [logP, logQ] = [logSoftmax(x), logSoftmax(y)]
        const distances = [klDivergence, reverseKlDivergence, totalVariation, jsDivergence].map((d) => d(logP, logQ))
        for (const d of distances) expect(d).toBeGreaterThanOrEqual(-1e-12)
        for (const d of [klDivergence, totalVariation, jsDivergence]) close(d(logP, logP), 0)
        close(klDivergence(logP, logQ), crossEntropy(logP, logQ) - entropy(logP))
        close(overlap(logP, logQ), 1 - totalVariation(logP, logQ))
        close(jsDivergence(logP, logQ, 0.3), jsDivergence(logQ, logP, 0.7))
        expect(jsDivergence(logP, logQ)).toBeLessThanOrEqual(Math.log(2) + 1e-12)
        expect(entropy(logP)).toBeLessThanOrEqual(Math.log(x.length) + 1e-12)
        // Pinsker's inequality: the acceptance that a KL guarantees.
        expect(totalVariation(logP, logQ) ** 2).toBeLessThanOrEqual(klDivergence(logP, logQ) / 2 + 1e-12)
      }),
      { numRuns: 300, seed: 1 },
    )
  })
})

describe("log-sum-exp and softmax", () => {
  test("do not overflow, and ignore a constant", () => {
    close(logSumExp([1000, 1000]), 1000 + Math.log(2))
    close(logSumExp([-1000, -1000]), -1000 + Math.log(2))
    close(softmax([1000, 1001])[0]!, softmax([0, 1])[0]!)
    close(softmax([0, 2], 2)[0]!, softmax([0, 1])[0]!)
  })
  test("an empty row has no mass; a NaN at any place is kept", () => {
    expect(logSumExp([])).toBe(Number.NEGATIVE_INFINITY)
    expect(logSumExp([Number.NEGATIVE_INFINITY])).toBe(Number.NEGATIVE_INFINITY)
    for (const x of [
      [Number.NaN, 1],
      [1, Number.NaN],
    ])
      expect(logSumExp(x)).toBeNaN()
  })
})
