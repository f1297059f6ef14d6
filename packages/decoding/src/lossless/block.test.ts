/** Exact enumeration of one block: all drafts, decisions and corrections, summed to 1e-12. */

import { describe, expect, test } from "bun:test"
import type { Sampling } from "@winnow/core"
import { adjusted } from "@winnow/generation"
import { seeded } from "@winnow/numerics"
import { everyOutcome } from "@winnow/testing"
import { type Chance, verify } from "../block.ts"

type Prefix = ReadonlyArray<number>
type Distribution = (prefix: Prefix) => Float64Array

/** A distribution for each prefix, from seed and prefix; some entries are 0, only ids of `support` are not. */
const randomTable = (seed: number, V: number, zeros: number, support = (_v: number) => true): Distribution => {
  const memo = new Map<string, Float64Array>()
  return (prefix) => {
    const key = prefix.join()
    const earlier = memo.get(key)
    if (earlier) return earlier
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

interface Setting {
  readonly p: Distribution
  readonly q: Distribution
  readonly gamma: number
}

/** Tokens of one block. */
const block = ({ p, q, gamma }: Setting, chance: Chance) => {
  const drafted: Array<number> = []
  for (let i = 0; i < gamma; i++) drafted.push(chance.draw(q(drafted)))
  const rows = Array.from({ length: gamma + 1 }, (_, i) => drafted.slice(0, i))
  const verdict = verify({ tokens: drafted, q: rows.slice(0, gamma).map(q) }, rows.map(p), chance)
  return { tokens: [...drafted.slice(0, verdict.path.length), verdict.own], verdict }
}

const sequences = (V: number, length: number): Array<Array<number>> =>
  length === 0 ? [[]] : sequences(V, length - 1).flatMap((s) => Array.from({ length: V }, (_, v) => [...s, v]))

const probability = (p: Distribution, tokens: Prefix, from = 0) =>
  tokens.slice(from).reduce((product, token, i) => product * p(tokens.slice(0, from + i))[token]!, 1)

/** Largest |P(emitted) - P(target)| over all sequences of gamma + 1 tokens; the target completes short blocks. */
const worstError = (setting: Setting, V: number): number => {
  const outcomes = everyOutcome((chance) => block(setting, chance))
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
  [8, 0],
  [8, 1],
  [8, 2],
  [8, 3],
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

describe("acceptance of a block", () => {
  test("the chance that the first token is accepted is sum min(p, q); 1 for p = q; 0 for disjoint supports", () => {
    const first = (p: Distribution, q: Distribution) =>
      everyOutcome((chance) => block({ p, q, gamma: 1 }, chance).verdict.path.length).reduce(
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
})
