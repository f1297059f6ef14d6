/** Exact enumeration of one block of a tree: all draws, decisions and corrections, summed to 1e-12. */
import { describe, expect, test } from "bun:test"
import type { Proposal } from "@winnow/core"
import { type Rng, seeded } from "@winnow/numerics"
import { everyOutcome } from "@winnow/testing"
import { type Chance, residual, type Verdict, verify, verifyGreedy, without } from "../block.ts"

type Prefix = ReadonlyArray<number>
type Table = (prefix: Prefix) => Float64Array

const table = (seed: number, V: number, zeros: number): Table => {
  const memo = new Map<string, Float64Array>()
  return (prefix) => {
    const key = prefix.join()
    if (!memo.has(key)) {
      const rng = seeded(seed, "row", key)
      const weight = Float64Array.from({ length: V }, () => (rng.uniform() < zeros ? 0 : rng.uniform() ** 2 + 1e-3))
      weight[rng.below(V)]! += 0.05
      const sum = weight.reduce((a, b) => a + b, 0)
      memo.set(
        key,
        weight.map((w) => w / sum),
      )
    }
    return memo.get(key)!
  }
}

/** The distribution of the next sibling, given the earlier ones; null where there is none left. */
type Siblings = (q_V: Float64Array, earlier: Prefix) => Float64Array | null
const replaced: Siblings = (q_V) => q_V
const distinct: Siblings = (q_V, earlier) =>
  earlier.reduce<Float64Array | null>((left_V, token) => left_V && without(left_V, token), q_V)

interface Setting {
  readonly p: Table
  readonly q: Table
  readonly parents: ReadonlyArray<number>
  readonly siblings: Siblings | "certain"
  /** The distributions that the proposal names, for flaws. */
  readonly said?: (q: ReadonlyArray<Float64Array>, parents: Prefix) => ReadonlyArray<Float64Array>
  /** The tree that is proposed in the place of the drawn one, for flaws. */
  readonly drawn?: (proposal: Proposal, setting: Setting) => Proposal
  readonly verify?: typeof verify
}

/** Tokens of the path to a node, itself included. */
const along = ({ tokens, parents }: Proposal, node: number): Prefix =>
  node < 0 ? [] : [...along({ tokens, parents, q: "certain" }, parents![node]!), tokens[node]!]

/** A tree of tokens drawn in their order; a sibling that no mass is left for is missing, and so is what follows it. */
const proposed = (setting: Setting, chance: Chance): Proposal => {
  const { q, siblings } = setting
  const [tokens, parents, rows]: [Array<number>, Array<number>, Array<Float64Array>] = [[], [], []]
  const places: Array<number | undefined> = []
  for (const parent of setting.parents) {
    const place = parent < 0 ? -1 : places[parent]
    const prefix = place === undefined ? [] : along({ tokens, parents, q: "certain" }, place)
    const earlier = tokens.filter((_, i) => parents[i] === place)
    const q_V = place === undefined ? null : (siblings === "certain" ? distinct : siblings)(q(prefix), earlier)
    if (place === undefined || q_V === null) {
      places.push(undefined)
      continue
    }
    places.push(tokens.length)
    tokens.push(siblings === "certain" ? q_V.indexOf(Math.max(...q_V)) : chance.draw(q_V))
    parents.push(place)
    rows.push(q_V)
  }
  const said = setting.said?.(rows, parents) ?? rows
  const proposal: Proposal = { tokens, parents, q: siblings === "certain" ? "certain" : said }
  return setting.drawn?.(proposal, setting) ?? proposal
}

const block = (setting: Setting, chance: Chance): { readonly tokens: Prefix; readonly verdict: Verdict } => {
  const proposal = proposed(setting, chance)
  const rows = [-1, ...proposal.tokens.keys()].map((place) => setting.p(along(proposal, place)))
  const verdict = (setting.verify ?? verify)(proposal, rows, chance)
  return { tokens: [...along(proposal, verdict.path.at(-1) ?? -1), verdict.own], verdict }
}

const sequences = (V: number, length: number): Array<Prefix> =>
  length === 0 ? [[]] : sequences(V, length - 1).flatMap((s) => Array.from({ length: V }, (_, v) => [...s, v]))

const probability = (p: Table, tokens: Prefix, from = 0) =>
  tokens.slice(from).reduce((product, token, i) => product * p(tokens.slice(0, from + i))[token]!, 1)

/** Largest |P(emitted) - P(target)| over texts of a length that no block exceeds; the target completes shorter ones. */
const worstError = (setting: Setting, V: number): number => {
  const depths: Array<number> = []
  for (const parent of setting.parents) depths.push(parent < 0 ? 1 : depths[parent]! + 1)
  const longest = Math.max(...depths) + 1
  const byTokens = new Map<string, number>()
  for (const { value, weight } of everyOutcome((chance) => block(setting, chance).tokens))
    byTokens.set(value.join(), (byTokens.get(value.join()) ?? 0) + weight)
  let worst = Math.abs([...byTokens.values()].reduce((a, b) => a + b, 0) - 1)
  for (const sequence of sequences(V, longest)) {
    let emitted = 0
    for (let length = 1; length <= longest; length++)
      emitted += (byTokens.get(sequence.slice(0, length).join()) ?? 0) * probability(setting.p, sequence, length)
    worst = Math.max(worst, Math.abs(emitted - probability(setting.p, sequence)))
  }
  return worst
}

const trees: Readonly<Record<string, ReadonlyArray<number>>> = {
  "two siblings": [-1, -1],
  "three siblings": [-1, -1, -1],
  "a chain beside a token": [-1, -1, 0],
  "two levels of two": [-1, -1, 0, 0, 1],
  "siblings drawn after a subtree": [-1, 0, -1, 2],
  "a deep second sibling": [-1, -1, 1, 1],
}
const ways: Readonly<Record<string, Setting["siblings"]>> = {
  "with replacement": replaced,
  "without replacement": distinct,
  certain: "certain",
}

for (const [way, siblings] of Object.entries(ways))
  describe(`a block of siblings drawn ${way} has the target's distribution, exactly`, () => {
    for (const [name, parents] of Object.entries(trees))
      test(name, () => {
        for (const V of parents.length > 4 ? [2] : [2, 3])
          for (const [seed, zeros] of [
            [1, 0],
            [2, 0.4],
            [3, 0.4],
          ] as const) {
            const [p, q] = [table(seed, V, zeros), table(seed + 100, V, zeros)]
            expect(worstError({ p, q, parents, siblings }, V)).toBeLessThan(1e-12)
            expect(worstError({ p, q: p, parents, siblings }, V)).toBeLessThan(1e-12)
          }
      })
  })

test("a token may be drawn or not by what was drawn before it", () => {
  // The first token decides if it gets a sibling, the sibling if it is followed.
  const proposal = ({ q }: Setting, chance: Chance): Proposal => {
    const [tokens, parents, rows] = [[chance.draw(q([]))], [-1], [q([])]]
    const left_V = without(q([]), tokens[0]!)
    if (tokens[0] !== 0 && left_V !== null) {
      tokens.push(chance.draw(left_V))
      parents.push(-1)
      rows.push(left_V)
      if (tokens[1] === 1) {
        tokens.push(chance.draw(q([1])))
        parents.push(1)
        rows.push(q([1]))
      }
    }
    return { tokens, parents, q: rows }
  }
  for (const seed of [1, 2, 3]) {
    const [p, q] = [table(seed, 3, 0.2), table(seed + 100, 3, 0.2)]
    const emitted = new Map<string, number>()
    const setting: Setting = { p, q, parents: [], siblings: distinct }
    for (const { value, weight } of everyOutcome((chance) => {
      const tree = proposal(setting, chance)
      const rows = [-1, ...tree.tokens.keys()].map((place) => p(along(tree, place)))
      const { path, own } = verify(tree, rows, chance)
      return [...along(tree, path.at(-1) ?? -1), own]
    }))
      emitted.set(value.join(), (emitted.get(value.join()) ?? 0) + weight)
    for (const sequence of sequences(3, 3)) {
      const sum = [1, 2, 3].reduce(
        (s, n) => s + (emitted.get(sequence.slice(0, n).join()) ?? 0) * probability(p, sequence, n),
        0,
      )
      expect(Math.abs(sum - probability(p, sequence))).toBeLessThan(1e-12)
    }
  }
})

/** One level of siblings in the order of their probability, each with its distribution given those before it. */
const sorted = ({ tokens: drawn }: Proposal, { q }: Setting): Proposal => {
  const row_V = q([])
  const tokens = drawn.toSorted((a, b) => row_V[b]! - row_V[a]!)
  return { tokens, parents: tokens.map(() => -1), q: tokens.map((_, i) => distinct(row_V, tokens.slice(0, i))!) }
}

/** The most probable of the siblings alone. */
const pruned = (proposal: Proposal, setting: Setting): Proposal => {
  const { tokens } = sorted(proposal, setting)
  return { tokens: tokens.slice(0, 1), parents: [-1], q: [setting.q([])] }
}

/** `verify` of one level, with the residual of the target's own distribution for every sibling. */
const staleResidual: typeof verify = (proposal, p, chance) => {
  const q = proposal.q as ReadonlyArray<Float64Array>
  let rest_V = p.at(0)!
  for (const [i, token] of proposal.tokens.entries()) {
    if (chance.accept(rest_V[token]!, q[i]![token]!))
      return { path: [i], own: chance.draw(p.at(i + 1)!), fallback: false }
    rest_V = residual(p.at(0)!, q[i]!) ?? rest_V
  }
  return { path: [], own: chance.draw(rest_V), fallback: false }
}

/** `verify` of one level that judges every sibling by the target's own distribution. */
const noResidual: typeof verify = (proposal, p, chance) => {
  const q = proposal.q as ReadonlyArray<Float64Array>
  for (const [i, token] of proposal.tokens.entries())
    if (chance.accept(p.at(0)![token]!, q[i]![token]!))
      return { path: [i], own: chance.draw(p.at(i + 1)!), fallback: false }
  return { path: [], own: chance.draw(residual(p.at(0)!, q.at(-1)!) ?? p.at(0)!), fallback: false }
}

describe("flaws that the enumeration finds", () => {
  const parents = [-1, -1]
  /** So many that p exceeds q by little for some token: there the flaw of q shows. */
  const V = 8
  const flaws: Readonly<Record<string, Partial<Setting>>> = {
    "siblings in the order of their probability": { drawn: sorted },
    "the most probable of the drawn siblings kept alone": { drawn: pruned },
    "q not renormalised without the earlier siblings": { said: (rows) => rows.map(() => rows[0]!) },
    "the residual of p for every sibling": { verify: staleResidual },
    "every sibling judged by p": { verify: noResidual },
  }
  for (const [name, flaw] of Object.entries(flaws))
    test(name, () => {
      for (const seed of [1, 2, 3]) {
        const [p, q] = [table(seed, V, 0), table(seed + 100, V, 0)]
        expect(worstError({ p, q, parents, siblings: distinct }, V)).toBeLessThan(1e-12)
        expect(worstError({ p, q, parents, siblings: distinct, ...flaw }, V)).toBeGreaterThan(1e-4)
      }
    })
})

test("tokens that are said to be certain may be chosen in any way: drawn, sorted, or the best of those drawn", () => {
  for (const drawn of [(proposal: Proposal) => proposal, sorted, pruned])
    for (const seed of [1, 2, 3]) {
      const [p, q] = [table(seed, 4, 0.2), table(seed + 100, 4, 0.2)]
      const said = (proposal: Proposal, setting: Setting): Proposal => ({ ...drawn(proposal, setting), q: "certain" })
      expect(worstError({ p, q, parents: [-1, -1], siblings: distinct, drawn: said }, 4)).toBeLessThan(1e-12)
    }
})

describe("acceptance", () => {
  const p = table(5, 4, 0)
  const q = table(6, 4, 0)
  const first = (siblings: Setting["siblings"], n: number) =>
    everyOutcome(
      (chance) => block({ p, q, parents: new Array(n).fill(-1), siblings }, chance).verdict.path.length,
    ).reduce((sum, { value, weight }) => sum + weight * value, 0)

  test("one sibling: sum min(p, q); certain ones: the mass of p on them; all of V without replacement: 1", () => {
    const overlap = p([]).reduce((sum, x, v) => sum + Math.min(x, q([])[v]!), 0)
    for (const siblings of [replaced, distinct]) expect(first(siblings, 1)).toBeCloseTo(overlap, 12)
    const [best, second] = [0, 1, 2, 3].sort((a, b) => q([])[b]! - q([])[a]!)
    expect(first("certain", 2)).toBeCloseTo(p([])[best!]! + p([])[second!]!, 12)
    expect(first(distinct, 4)).toBeCloseTo(1, 12)
    expect(first("certain", 4)).toBeCloseTo(1, 12)
  })

  test("more siblings are accepted more often, and distinct ones more often than repeated ones", () => {
    for (const siblings of [replaced, distinct, "certain"] as const)
      for (const n of [2, 3]) expect(first(siblings, n)).toBeGreaterThan(first(siblings, n - 1))
    for (const n of [2, 3]) expect(first(distinct, n)).toBeGreaterThan(first(replaced, n))
  })
})

test("at temperature 0 the longest path of the target's choices is accepted, as by the rule for distributions", () => {
  const rng: Rng = seeded(3, "greedy tree")
  const oneHot = (v: number) => Float64Array.from({ length: 3 }, (_, i) => (i === v ? 1 : 0))
  const never: Chance = { accept: (a, b) => a >= b, draw: (p_V) => p_V.indexOf(1) }
  let longest = 0
  for (let i = 0; i < 500; i++) {
    const n = rng.below(8)
    const parents = Array.from({ length: n }, (_, at) => rng.below(at + 1) - 1)
    // Siblings differ, as those of a proposer at temperature 0 do.
    const tokens = parents.map((parent, at) => parents.slice(0, at).filter((other) => other === parent).length % 3)
    const argmax = Array.from({ length: n + 1 }, () => rng.below(3))
    const proposal: Proposal = { tokens, parents, q: "certain" }
    const greedy = verifyGreedy(proposal, argmax)
    const { path } = greedy
    longest = Math.max(longest, path.length)
    expect(path.every((place, k) => parents[place] === (path[k - 1] ?? -1))).toBe(true)
    expect(path.every((place) => tokens[place] === argmax[parents[place]! + 1])).toBe(true)
    if (parents.every((parent, at) => parents.filter((other) => other === parent).length <= 3 || at < 0))
      expect(greedy).toEqual(verify(proposal, argmax.map(oneHot), never))
  }
  expect(longest).toBeGreaterThan(2)
  // Of two equal siblings the one with the longer path.
  const twins: Proposal = { tokens: [1, 1, 2], parents: [-1, -1, 1], q: "certain" }
  expect(verifyGreedy(twins, [1, 0, 2, 0])).toEqual({ path: [1, 2], own: 0, fallback: false })
  expect(verifyGreedy({ tokens: [], parents: [], q: "certain" }, [2])).toEqual({ path: [], own: 2, fallback: false })
})
