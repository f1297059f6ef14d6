/** Exact enumeration of one block: every draft, every decision, every correction, summed to 1e-12. */
import { describe, expect, test } from "bun:test"
import { type Rng, seeded } from "@winnow/numerics"
import { everyOutcome, type Fault } from "../test/every-outcome.ts"
import { type Chance, chanceOf, residual, type Verdict, verify, verifyGreedy } from "./block.ts"
import { adjusted, type Sampling } from "./sampling.ts"

type Prefix = ReadonlyArray<number>
type Distribution = (prefix: Prefix) => Float64Array

/** A distribution for every prefix, made from seed and prefix; some entries 0, only ids of `support`. */
const randomTable = (seed: number, V: number, zeros: number, support = (_v: number) => true): Distribution => {
  const memo = new Map<string, Float64Array>()
  return (prefix) => {
    const key = prefix.join()
    const known = memo.get(key)
    if (known) return known
    const rng = seeded(seed, "row", key)
    const weight = Float64Array.from({ length: V }, (_, v) =>
      support(v) && rng.uniform() >= zeros ? rng.uniform() ** 2 + 1e-3 : 0,
    )
    const allowed = Array.from({ length: V }, (_, v) => v).filter(support)
    if (weight.every((w) => w === 0)) weight[allowed[rng.below(allowed.length)]!] = 1
    const sum = weight.reduce((a, b) => a + b, 0)
    const row = weight.map((w) => w / sum)
    memo.set(key, row)
    return row
  }
}

type Verify = (
  drafted: ReadonlyArray<number>,
  q: ReadonlyArray<Float64Array>,
  p: ReadonlyArray<Float64Array>,
  chance: Chance,
) => Verdict

interface Setting {
  readonly p: Distribution
  readonly q: Distribution
  readonly gamma: number
  /** For negative controls. */
  readonly scoredP?: Distribution
  readonly scoredQ?: Distribution
  readonly verify?: Verify
  readonly fault?: Fault
}

/** Tokens of one block. */
const block = ({ p, q, gamma, scoredP = p, scoredQ = q, verify: judge = verify }: Setting, chance: Chance) => {
  const drafted: Array<number> = []
  for (let i = 0; i < gamma; i++) drafted.push(chance.draw(q(drafted)))
  const rows = Array.from({ length: gamma + 1 }, (_, i) => drafted.slice(0, i))
  const verdict = judge(drafted, rows.slice(0, gamma).map(scoredQ), rows.map(scoredP), chance)
  return { tokens: [...drafted.slice(0, verdict.accepted), verdict.own], verdict }
}

const sequences = (V: number, length: number): Array<Array<number>> =>
  length === 0 ? [[]] : sequences(V, length - 1).flatMap((s) => Array.from({ length: V }, (_, v) => [...s, v]))

const probability = (p: Distribution, tokens: Prefix, from = 0) =>
  tokens.slice(from).reduce((product, token, i) => product * p(tokens.slice(0, from + i))[token]!, 1)

/** Largest |P(emitted) - P(target)| over all sequences of gamma + 1 tokens; short blocks go on by the target. */
const worstError = (setting: Setting, V: number): number => {
  const outcomes = everyOutcome((chance) => block(setting, chance), setting.fault)
  const byTokens = new Map<string, number>()
  for (const { value, weight } of outcomes) {
    const key = value.tokens.join()
    byTokens.set(key, (byTokens.get(key) ?? 0) + weight)
  }
  let worst = Math.abs([...byTokens.values()].reduce((a, b) => a + b, 0) - 1)
  for (const sequence of sequences(V, setting.gamma + 1)) {
    let emitted = 0
    for (let length = 1; length <= sequence.length; length++)
      emitted += (byTokens.get(sequence.slice(0, length).join()) ?? 0) * probability(setting.p, sequence, length)
    worst = Math.max(worst, Math.abs(emitted - probability(setting.p, sequence)))
  }
  return worst
}

const sizes = [
  [2, 0],
  [2, 1],
  [2, 3],
  [3, 1],
  [3, 2],
  [3, 3],
  [4, 2],
  [5, 2],
  [4, 3],
  [5, 3],
] as const

describe("a block has the target's distribution, exactly", () => {
  for (const [V, gamma] of sizes)
    test(`V ${V}, gamma ${gamma}: full support, zeros, p = q, disjoint supports`, () => {
      const seeds = V ** (2 * gamma) > 5000 ? [1] : [1, 2, 3]
      for (const seed of seeds) {
        for (const zeros of [0, 0.4])
          expect(
            worstError({ gamma, p: randomTable(seed, V, zeros), q: randomTable(seed + 100, V, zeros) }, V),
          ).toBeLessThan(1e-12)
        const p = randomTable(seed, V, 0.3)
        expect(worstError({ gamma, p, q: p }, V)).toBeLessThan(1e-12)
        const low = randomTable(seed, V, 0, (v) => v < V / 2)
        const high = randomTable(seed, V, 0, (v) => v >= V / 2)
        expect(worstError({ gamma, p: low, q: high }, V)).toBeLessThan(1e-12)
      }
    })

  test("temperature, top-k and top-p on both sides", () => {
    const logits =
      (seed: number): Distribution =>
      (prefix) => {
        const rng = seeded(seed, "logits", prefix.join())
        return Float64Array.from({ length: 4 }, () => 2 * rng.normal())
      }
    const settings: Array<Sampling> = [
      { temperature: 0 },
      { temperature: 0.5 },
      { temperature: 1.7, topK: 2 },
      { temperature: 1, topP: 0.7 },
    ]
    for (const sampling of settings) {
      const [p, q] = [1, 2].map((seed) => (prefix: Prefix) => adjusted(logits(seed)(prefix), sampling))
      expect(worstError({ gamma: 2, p: p!, q: q! }, 4)).toBeLessThan(1e-12)
    }
  })
})

describe("the enumeration notices what is wrong", () => {
  const [V, gamma] = [3, 2]
  const [p, q] = [randomTable(1, V, 0), randomTable(101, V, 0)]
  const warm =
    (table: Distribution, temperature: number): Distribution =>
    (prefix) =>
      adjusted(table(prefix).map(Math.log), { temperature })

  test("the residual replaced by p", () => {
    const wrong: Verify = (drafted, q, p, chance) => {
      const at = drafted.findIndex((token, i) => !chance.accept(p[i]![token]!, q[i]![token]!))
      const accepted = at < 0 ? drafted.length : at
      return { accepted, own: chance.draw(p[accepted]!), fallback: false }
    }
    expect(worstError({ p, q, gamma, verify: wrong }, V)).toBeGreaterThan(1e-2)
  })

  test("the draft scored at another temperature than it was sampled at", () => {
    expect(worstError({ p, q, scoredQ: warm(q, 0.5), gamma }, V)).toBeGreaterThan(1e-2)
  })

  test("one uniform for all decisions of a block", () => {
    expect(worstError({ p, q, gamma, fault: { reuseUniform: true } }, V)).toBeGreaterThan(1e-3)
  })

  test("a ratio of unadjusted target probabilities", () => {
    expect(worstError({ p: warm(p, 0.5), q: warm(q, 0.5), scoredP: p, gamma }, V)).toBeGreaterThan(1e-2)
  })
})

describe("acceptance of a block", () => {
  test("the chance that the first token is accepted is sum min(p, q); 1 for p = q; 0 for disjoint supports", () => {
    const first = (p: Distribution, q: Distribution) =>
      everyOutcome((chance) => block({ p, q, gamma: 1 }, chance).verdict.accepted).reduce(
        (sum, o) => sum + o.weight * o.value,
        0,
      )
    for (let seed = 0; seed < 20; seed++) {
      const [p, q] = [randomTable(seed, 5, 0.3), randomTable(seed + 50, 5, 0.3)]
      const overlap = p([]).reduce((sum, x, v) => sum + Math.min(x, q([])[v]!), 0)
      expect(first(p, q)).toBeCloseTo(overlap, 12)
      expect(first(p, p)).toBeCloseTo(1, 12)
      expect(
        first(
          randomTable(seed, 5, 0, (v) => v < 2),
          randomTable(seed, 5, 0, (v) => v > 1),
        ),
      ).toBe(0)
    }
  })

  test("greedy verification is the sampled one of one-hot distributions", () => {
    const rng: Rng = seeded(4, "greedy")
    const oneHot = (v: number) => Float64Array.from({ length: 4 }, (_, i) => (i === v ? 1 : 0))
    for (let i = 0; i < 200; i++) {
      const drafted = Array.from({ length: rng.below(4) }, () => rng.below(2))
      const argmax = Array.from({ length: drafted.length + 1 }, () => rng.below(2))
      const sampled = verify(drafted, drafted.map(oneHot), argmax.map(oneHot), chanceOf(rng))
      expect(verifyGreedy(drafted, argmax)).toEqual(sampled)
    }
  })
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

  test("each decision and draw takes a uniform of its own", () => {
    const chance = chanceOf(at(0.9, 0.1, 0.9))
    expect([chance.accept(0.5, 1), chance.accept(0.5, 1), chance.draw(Float64Array.of(0.5, 0.5))]).toEqual([
      false,
      true,
      1,
    ])
  })
})

describe("residual", () => {
  test("is what p has over q, rescaled", () => {
    expect([...residual(Float64Array.of(0.5, 0.3, 0.2), Float64Array.of(0.1, 0.7, 0.2))!]).toEqual([1, 0, 0])
  })

  test("where rounding leaves nothing, p serves and is counted", () => {
    const p_V = Float64Array.of(0.25, 0.75)
    const never: Chance = { accept: () => false, draw: (p) => p.indexOf(Math.max(...p)) }
    expect(residual(p_V, p_V)).toBe(null)
    expect(verify([0], [p_V], [p_V, p_V], never)).toEqual({ accepted: 0, own: 1, fallback: true })
  })
})
