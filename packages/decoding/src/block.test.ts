/** The parts of a block, each alone; `lossless/` shows that together they are lossless. */
import { describe, expect, test } from "bun:test"
import { type Rng, seeded } from "@winnow/numerics"
import { type Chance, chanceOf, residual, verify, verifyGreedy, without } from "./block.ts"

test("greedy verification equals sampled verification of one-hot distributions", () => {
  const rng: Rng = seeded(4, "greedy")
  const oneHot = (v: number) => Float64Array.from({ length: 4 }, (_, i) => (i === v ? 1 : 0))
  for (let i = 0; i < 200; i++) {
    const drafted = Array.from({ length: rng.below(4) }, () => rng.below(2))
    const argmax = Array.from({ length: drafted.length + 1 }, () => rng.below(2))
    for (const q of ["certain", drafted.map(oneHot)] as const) {
      const sampled = verify({ tokens: drafted, q }, argmax.map(oneHot), chanceOf(rng))
      expect(verifyGreedy({ tokens: drafted, q }, argmax)).toEqual(sampled)
    }
  }
})

test("a certain proposal is judged like one whose distribution has all its mass on the token", () => {
  const rng: Rng = seeded(5, "certain")
  const fallbacks = { some: 0, none: 0 }
  for (let i = 0; i < 500; i++) {
    const row = () => {
      const weight = Float64Array.from({ length: 4 }, () => (rng.uniform() < 0.4 ? 0 : rng.uniform()))
      weight[rng.below(4)]! += 0.1
      const sum = weight.reduce((a, b) => a + b, 0)
      return weight.map((w) => w / sum)
    }
    const tokens = Array.from({ length: 3 }, () => rng.below(4))
    const q = tokens.map((token) => Float64Array.from({ length: 4 }, (_, v) => (v === token ? 1 : 0)))
    const p = Array.from({ length: 4 }, row)
    const [a, b] = [seeded(i, "chance"), seeded(i, "chance")]
    const verdict = verify({ tokens, q: "certain" }, p, chanceOf(a))
    expect(verdict).toEqual(verify({ tokens, q }, p, chanceOf(b)))
    for (const [at, token] of tokens.entries()) {
      expect(without(p[at]!, token)).toEqual(residual(p[at]!, q[at]!))
      fallbacks[without(p[at]!, token) === null ? "some" : "none"]++
    }
  }
  expect(Math.min(...Object.values(fallbacks))).toBeGreaterThan(10)
})

describe("chance", () => {
  const at = (...uniforms: Array<number>): Rng => ({
    uniform: () => uniforms.shift()!,
    normal: () => 0,
    below: () => 0,
  })

  test("accepts below p / q, never at p = 0, always at p >= q, also where q underflows a quotient", () => {
    expect(chanceOf(at(0.4999)).accept(0.25, 0.5)).toBe(true)
    expect(chanceOf(at(0.5)).accept(0.25, 0.5)).toBe(false)
    expect(chanceOf(at(0)).accept(0, 0.5)).toBe(false)
    expect(chanceOf(at(1 - 2 ** -53)).accept(0.3, 0.3)).toBe(true)
    expect(chanceOf(at(1 - 2 ** -53)).accept(0.9, 5e-324)).toBe(true)
  })

  test("each decision and draw uses a uniform of its own", () => {
    const chance = chanceOf(at(0.9, 0.1, 0.9))
    expect([chance.accept(0.5, 1), chance.accept(0.5, 1), chance.draw(Float64Array.of(0.5, 0.5))]).toEqual([
      false,
      true,
      1,
    ])
  })
})

describe("residual", () => {
  test("is the excess of p over q, rescaled", () => {
    expect([...residual(Float64Array.of(0.5, 0.3, 0.2), Float64Array.of(0.1, 0.7, 0.2))!]).toEqual([1, 0, 0])
  })

  test("where rounding leaves no excess, p takes its place and the fallback is counted", () => {
    const p_V = Float64Array.of(0.25, 0.75)
    const never: Chance = { accept: () => false, draw: (p) => p.indexOf(Math.max(...p)) }
    expect(residual(p_V, p_V)).toBe(null)
    expect(verify({ tokens: [0], q: [p_V] }, [p_V, p_V], never)).toEqual({ path: [], own: 1, fallback: true })
  })
})
