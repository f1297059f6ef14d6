import { describe, expect, test } from "bun:test"
import { normals, seeded } from "@winnow/numerics"
import { arithmetic } from "@winnow/task-arithmetic"
import { checkExamples, instanceOf, randomExamplesInput } from "@winnow/testing"
import { inverse, Matrix } from "ml-matrix"
import { mahalanobis } from "./index.ts"
import { distancesOf, gaussianOf, scoreOf } from "./states.ts"

const general = arithmetic({})

describe("keeps the laws and floor(k (E - 1)) + 1 examples", () => {
  for (const k of [0.001, 0.5, 1])
    for (const order of ["top", "bottom"] as const)
      test(`k = ${k}, ${order}`, () =>
        checkExamples(mahalanobis({ general, k, order }), { kept: (E) => Math.floor(k * (E - 1)) + 1 }))
})

/** States with other scales in each dimension, and a correlation. */
const states = (N: number, d: number, seed: number, shift = 0): Float32Array => {
  const x = normals(N * d, 1, seeded(seed, "states"))
  for (let n = 0; n < N; n++)
    for (let i = 0; i < d; i++) x[n * d + i] = x[n * d + i]! * (1 + i) + (i > 0 ? 0.5 * x[n * d]! : 0) + shift
  return x
}

test("with all components and hardly a ridge it is the plain Mahalanobis distance, by the inverse of the covariance", () => {
  const [G, n, d] = [200, 7, 5]
  const [h_Gd, h_nd] = [states(G, d, 1), states(n, d, 2, 1)]
  const mean = Array.from({ length: d }, (_, i) => h_Gd.reduce((s, x, at) => (at % d === i ? s + x / G : s), 0))
  const covariance = Matrix.zeros(d, d)
  for (let g = 0; g < G; g++)
    for (let i = 0; i < d; i++)
      for (let j = 0; j < d; j++)
        covariance.set(i, j, covariance.get(i, j) + ((h_Gd[g * d + i]! - mean[i]!) * (h_Gd[g * d + j]! - mean[j]!)) / G)
  const precision = inverse(covariance)
  const found = distancesOf(gaussianOf(h_Gd, G, d, d, 1e-12), h_nd, n)
  for (let row = 0; row < n; row++) {
    const z = Matrix.columnVector(mean.map((m, i) => h_nd[row * d + i]! - m))
    expect(found[row]!).toBeCloseTo(z.transpose().mmul(precision).mmul(z).get(0, 0), 5)
  }
})

test("with fewer components the rest of the space has no say; the directions are orthonormal, by falling variance", () => {
  const [G, d, c] = [300, 6, 2]
  const h_Gd = states(G, d, 3)
  const { mean_d, directions_cd, variance_c } = gaussianOf(h_Gd, G, d, c, 0.01)
  const row = (j: number) => directions_cd.subarray(j * d, (j + 1) * d)
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((s, x, i) => s + x * b[i]!, 0)
  expect(dot(row(0), row(0))).toBeCloseTo(1, 9)
  expect(dot(row(0), row(1))).toBeCloseTo(0, 9)
  expect(variance_c[0]!).toBeGreaterThan(variance_c[1]!)
  // A move along the first direction counts by its variance, one across both directions not at all.
  const along = Float32Array.from(mean_d, (m, i) => m + 3 * row(0)[i]!)
  expect(distancesOf({ mean_d, directions_cd, variance_c }, along, 1)[0]!).toBeCloseTo(9 / variance_c[0]!, 4)
  const across = Float64Array.from({ length: d }, (_, i) => Number(i === 0))
  for (const j of [0, 1])
    for (let i = 0; i < d; i++) across[i]! -= dot(row(j), Float64Array.of(1, 0, 0, 0, 0, 0)) * row(j)[i]!
  const out = Float32Array.from(mean_d, (m, i) => m + 5 * across[i]!)
  expect(distancesOf({ mean_d, directions_cd, variance_c }, out, 1)[0]!).toBeCloseTo(0, 6)
})

describe("edge cases", () => {
  test("fewer general states than components: the ridge keeps distances finite", () => {
    const d = 8
    const gaussian = gaussianOf(states(3, d, 4), 3, d, d, 0.01)
    expect(gaussian.variance_c).toHaveLength(d)
    const [far] = distancesOf(gaussian, states(1, d, 5, 40), 1)
    expect(Number.isFinite(far!)).toBe(true)
    expect(far!).toBeGreaterThan(100)
  })

  test("a dimension without variance, a single state, rho at both ends", () => {
    const [G, d] = [50, 3]
    const h_Gd = states(G, d, 6).map((x, i) => (i % d === 1 ? 2 : x))
    const gaussian = gaussianOf(h_Gd, G, d, d, 0.01)
    const one = states(1, d, 7)
    expect(scoreOf(gaussian, one, 1, 0.9)).toBe(distancesOf(gaussian, one, 1)[0]!)
    const many = states(5, d, 8)
    const all = [...distancesOf(gaussian, many, 5)].toSorted((a, b) => a - b)
    expect(scoreOf(gaussian, many, 5, 0)).toBe(all[0]!)
    expect(scoreOf(gaussian, many, 5, 1)).toBe(all[4]!)
    expect(scoreOf(gaussian, many, 5, 0.9)).toBeCloseTo(0.4 * all[3]! + 0.6 * all[4]!, 9)
  })

  test("equal general states are refused by name, so are options that mean nothing", async () => {
    const equal = new Float32Array(12).fill(1)
    const filter = await instanceOf(mahalanobis({ general }))
    expect(() => filter.states!.fit(equal, 4, 3)).toThrow("all 4 states of the general text are equal")
    for (const [options, fault] of [
      [{ k: 0 }, "k must be positive"],
      [{ rho: 1.1 }, "rho must be at most 1"],
      [{ ridge: 0 }, "ridge must be positive"],
      [{ components: 0 }, "components must be at least 1"],
    ] as const)
      await expect(instanceOf(mahalanobis({ general, ...options }))).rejects.toThrow(fault)
    await expect(instanceOf(mahalanobis.use({}))).rejects.toThrow("general must be")
  })

  test("examples far from the general text are kept, near ones by the reversed order", async () => {
    const input = { ...randomExamplesInput(4, 1), score_E: Float32Array.of(1, 9, 2, 5) }
    const chosen = async (order: "top" | "bottom") => [
      ...(await instanceOf(mahalanobis({ general, order }))).choose(input),
    ]
    expect(await chosen("top")).toEqual([0, 1, 0, 1])
    expect(await chosen("bottom")).toEqual([1, 0, 1, 0])
  })
})
