import { expect, test } from "bun:test"
import { batches, type EncodedTask, mixed, passSize } from "./index.ts"

/** A split of examples with one token after the prompt: the example's own number, counted from `first`. */
const split = (count: number, first: number, length = 3): EncodedTask => ({
  examples: Array.from({ length: count }, (_, i) => ({
    ids: Int32Array.from({ length }, (_, t) => (t === 1 ? first + i : 0)),
    promptLength: 1,
  })),
  source: Int32Array.from({ length: count }, (_, i) => i),
  dropped: 1,
  maxLength: 8,
  tokens: length * count,
  trained: (length - 1) * count,
  spelled: [],
  specialTokens: "text",
})

test("each part has its share of a pass; the scarcest comes once, no example of another part is favoured by more than one", () => {
  const parts = [
    { name: "a", weight: 9, task: split(70, 100) },
    { name: "b", weight: 1, task: split(30, 500, 5) },
  ]
  const all = mixed(parts, 4)
  const { pass } = all
  expect(all.examples).toHaveLength(100)
  expect([all.dropped, all.tokens, all.trained]).toEqual([2, 210 + 150, 140 + 120])
  // b is the largest for its weight: 30 examples of it, and 270 of the 70 examples of a.
  const times = new Map<number, number>()
  for (const e of pass!) times.set(e, (times.get(e) ?? 0) + 1)
  const timesOf = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => times.get(from + i) ?? 0)
  expect(timesOf(70, 100)).toEqual(new Array(30).fill(1))
  expect(pass).toHaveLength(300)
  expect(new Set(timesOf(0, 70))).toEqual(new Set([3, 4]))
  expect(passSize(all)).toEqual({ examples: 300, tokens: 270 * 3 + 30 * 5, trained: 270 * 2 + 30 * 4 })
  expect(passSize(parts[0]!.task)).toEqual({ examples: 70, tokens: 210, trained: 140 })
  expect(mixed(parts, 4).pass).toEqual(pass!)
  expect(mixed(parts, 5).pass).not.toEqual(pass!)
})

test("batches of a mixture have its shares, by number; a pass of all examples in order changes nothing", () => {
  const all = mixed(
    [
      { name: "a", weight: 3, task: split(6, 100) },
      { name: "b", weight: 1, task: split(6, 500) },
    ],
    0,
  )
  const source = batches(all.examples, { batchSize: 4, seed: 2, pass: all.pass! })
  expect([source.examples, source.perPass]).toEqual([24, 6])
  const seen = Array.from({ length: 6 }, (_, step) => source.batch(step)).flatMap(({ ids_BT, example_B, B, T }) => {
    for (let b = 0; b < B; b++) expect(ids_BT[b * T + 1]).toBe(all.examples[example_B[b]!]!.ids[1]!)
    return [...example_B]
  })
  expect(seen.toSorted((a, b) => a - b)).toEqual([...all.pass!].toSorted((a, b) => a - b))

  const { examples } = split(10, 0)
  const [plain, whole] = [{}, { pass: Int32Array.from(examples.keys()) }].map((more) =>
    batches(examples, { batchSize: 3, seed: 1, ...more }),
  )
  for (let step = 0; step < 9; step++) expect(whole!.batch(step)).toEqual(plain!.batch(step))
})

test("a part that is a mixture itself keeps its shares within its own share", () => {
  const inner = mixed(
    [
      { name: "a", weight: 3, task: split(6, 100) },
      { name: "b", weight: 1, task: split(6, 200) },
    ],
    0,
  )
  const all = mixed(
    [
      { name: "inner", weight: 9, task: inner },
      { name: "c", weight: 1, task: split(4, 300) },
    ],
    0,
  )
  expect(all.examples.map(({ ids }) => ids[1]! - (ids[1]! % 100))).toEqual([
    ...new Array(6).fill(100),
    ...new Array(6).fill(200),
    ...new Array(4).fill(300),
  ])
  const count = (first: number) => all.pass!.filter((e) => e >= first && e < first + 6).length
  // c is the largest for its weight: 4 of it, 36 of the inner mixture, of which a has three quarters.
  expect([count(0), count(6), count(12)]).toEqual([27, 9, 4])
})

test("a part without examples, weights beyond reason and a pass of what is not there are refused", () => {
  const [a, b] = [split(2, 0), split(3, 9)]
  const parts = (weight: number, task: EncodedTask) => [
    { name: "one", weight: 1, task: a },
    { name: "two", weight, task },
  ]
  expect(() => mixed(parts(1, split(0, 0)), 0)).toThrow("its part two has no examples")
  expect(() => mixed(parts(1e-9, b), 0)).toThrow("(one 2 at weight 1, two 3 at weight 1e-9); set weights nearer")
  expect(() => batches(a.examples, { batchSize: 1, seed: 0, pass: Int32Array.of(0, 2) })).toThrow(
    "a pass has example 2; there are examples 0 to 1",
  )
})
