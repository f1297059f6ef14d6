import { expect, test } from "bun:test"
import type { EncodedExample } from "@winnow/core"
import { permutation, seeded } from "@winnow/numerics"
import fc from "fast-check"
import { type Batch, batches, collate } from "./batches.ts"
import { trainedOffsets } from "./encode.ts"

const example = (ids: ReadonlyArray<number>, promptLength: number): EncodedExample => ({
  ids: Int32Array.from(ids),
  promptLength,
})

/** n examples of lengths 2 to 40; the first id of each identifies it. */
const examples = (n: number): ReadonlyArray<EncodedExample> => {
  const rng = seeded(1, "batches test")
  return Array.from({ length: n }, (_, i) => {
    const length = 2 + rng.below(39)
    return example([i, ...Array.from({ length: length - 1 }, () => 1000 + rng.below(50))], 1 + rng.below(length - 1))
  })
}

const first = ({ B, T, ids_BT }: Batch) => Array.from({ length: B }, (_, b) => ids_BT[b * T]!)

test("rows are the positions whose next token is answer or end; prompt and padding are none", () => {
  // 5 6 | 7 8 e    and    5 | 9 e
  const batch = collate([example([5, 6, 7, 8, 99], 2), example([5, 9, 99], 1)], 0)
  expect([batch.B, batch.T, batch.tokens]).toEqual([2, 4, 6])
  expect(Array.from(batch.ids_BT)).toEqual([5, 6, 7, 8, 5, 9, 0, 0])
  expect(Array.from(batch.row_N)).toEqual([1, 2, 3, 4, 5])
  expect(Array.from(batch.gold_N)).toEqual([7, 8, 99, 9, 99])
  expect(Array.from(batch.sequence_N)).toEqual([0, 0, 0, 1, 1])
  expect(Array.from(batch.position_N)).toEqual([2, 3, 4, 1, 2])
})

test("each row's hidden state is the one before its gold token", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 99 }), (batchSize, step) => {
      const all = examples(37)
      const { T, ids_BT, row_N, gold_N, sequence_N, position_N, tokens, ...batch } = batches(all, {
        batchSize,
        seed: 3,
        padId: -1,
      }).batch(step)
      expect(ids_BT.filter((id) => id >= 0).length).toBe(tokens)
      const used = first({ T, ids_BT, row_N, gold_N, sequence_N, position_N, tokens, ...batch }).map((i) => all[i]!)
      expect(row_N.length).toBe(used.reduce((n, { ids, promptLength }) => n + ids.length - promptLength, 0))
      for (const [n, row] of row_N.entries()) {
        const { ids, promptLength } = used[sequence_N[n]!]!
        const position = position_N[n]!
        expect(row).toBe(sequence_N[n]! * T + position - 1)
        expect(ids_BT[row]).toBe(ids[position - 1]!)
        expect(gold_N[n]).toBe(ids[position]!)
        expect(position).toBeGreaterThanOrEqual(promptLength)
      }
    }),
    { seed: 1, numRuns: 50 },
  )
})

test("a batch says which examples it is of, and so which trained tokens of the data set its rows are", () => {
  const all = examples(37)
  const offset_E = trainedOffsets(all)
  const gold = all.flatMap(({ ids, promptLength }) => Array.from(ids.subarray(Math.max(1, promptLength))))
  expect(offset_E.at(-1)).toBe(gold.length)
  const source = batches(all, { batchSize: 5, seed: 3 })
  for (const step of [0, 1, 9, 23]) {
    const batch = source.batch(step)
    expect(Array.from(batch.example_B)).toEqual(first(batch)) // The first id is the example's number.
    let n = 0
    for (const e of batch.example_B)
      for (let row = offset_E[e]!; row < offset_E[e + 1]!; row++) expect(batch.gold_N[n++]).toBe(gold[row]!)
    expect(n).toBe(batch.gold_N.length)
  }
  expect(Array.from(collate(all.slice(4, 7)).example_B)).toEqual([0, 1, 2])
})

test("batches of whole windows hold every example once a pass", () => {
  const source = batches(examples(48), { batchSize: 4, seed: 1, bucket: 3 })
  expect(source.perPass).toBe(12)
  for (const pass of [0, 1, 2]) {
    const seen = Array.from({ length: 12 }, (_, i) => first(source.batch(pass * 12 + i))).flat()
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 48 }, (_, i) => i))
  }
})

test("the rest of a pass begins the next: n batches have every example batchSize times", () => {
  for (const [n, batchSize, bucket] of [
    [10, 4, 1],
    [37, 5, 16],
    [3, 8, 16],
    [7, 7, 2],
  ] as const) {
    const source = batches(examples(n), { batchSize, seed: 1, bucket })
    expect(source.perPass).toBe(n / batchSize)
    // A window is at most half a pass, or one batch; so n windows are whole passes, and end where a window ends.
    const window = Math.min(bucket, Math.max(1, Math.floor(n / batchSize / 2)))
    const counts = new Int32Array(n)
    for (let step = 0; step < n * window; step++) for (const i of first(source.batch(step))) counts[i]!++
    expect(Array.from(counts)).toEqual(Array(n).fill(batchSize * window))
  }
})

test("a batch depends on its number alone, and the seed changes the order", () => {
  const make = (seed: number) => batches(examples(100), { batchSize: 8, seed })
  const inOrder = make(1)
  const expected = Array.from({ length: 60 }, (_, step) => inOrder.batch(step))
  const atRandom = make(1)
  for (const step of permutation(60, seeded(5))) expect(atRandom.batch(step)).toEqual(expected[step]!)
  expect(Array.from({ length: 60 }, (_, step) => make(2).batch(step))).not.toEqual(expected)
  expect(first(expected[0]!)).not.toEqual(first(make(1).batch(12)))
})

test("like lengths together leave little padding", () => {
  const padding = (bucket: number) => {
    const source = batches(examples(2000), { batchSize: 16, seed: 1, bucket })
    let [cells, tokens] = [0, 0]
    for (let step = 0; step < 125; step++) {
      const batch = source.batch(step)
      cells += batch.B * batch.T
      tokens += batch.tokens
    }
    return 1 - tokens / cells
  }
  expect(padding(1)).toBeGreaterThan(0.4)
  expect(padding(16)).toBeLessThan(0.1)
})

test("packed rows hold the same examples and valid tokens in fewer positions", () => {
  const all = examples(200)
  const make = (rows: "padded" | "packed") => batches(all, { batchSize: 16, seed: 1, bucket: 1, rows })
  const [padded, packed] = [make("padded"), make("packed")]
  let [cells, tokens] = [0, 0]
  for (let step = 0; step < 12; step++) {
    const [a, b] = [padded.batch(step), packed.batch(step)]
    expect([b.example_B, b.gold_N, b.sequence_N, b.position_N]).toEqual([
      ...[a.example_B, a.gold_N, a.sequence_N, a.position_N],
    ])
    expect(Array.from(b.row_N, (row) => b.ids_BT[row]!)).toEqual(Array.from(a.row_N, (row) => a.ids_BT[row]!))
    cells += b.B * b.T
    tokens += b.tokens
  }
  expect(1 - tokens / cells).toBeLessThan(0.1)
  expect(packed.batch(7)).toEqual(make("packed").batch(7))
  // other sequences in the place of the batch's own are packed too
  const others = packed.sequences(3).map(({ ids }) => ({ ids: ids.subarray(0, 2), promptLength: 1 }))
  const { B, T, tokens: inputs, gold_N } = packed.batch(3, others)
  expect([B * T, inputs]).toEqual([16, 16])
  expect(gold_N).toEqual(padded.batch(3, others).gold_N)
})

test("sizes and examples that cannot be are refused", () => {
  expect(() => batches([], { batchSize: 4, seed: 1 })).toThrow("there are no examples; raise maxLength")
  expect(() => batches(examples(3), { batchSize: 0, seed: 1 })).toThrow("batchSize is 0; expected an integer from 1")
  expect(() => batches(examples(3), { batchSize: 1, bucket: 1.5, seed: 1 })).toThrow("bucket is 1.5")
  expect(() => batches(examples(3), { batchSize: 1, seed: 1 }).batch(-1)).toThrow("batch -1")
  expect(() => collate([example([1], 0)])).toThrow("a sequence has 1 tokens")
  expect(() => collate([])).toThrow("has no sequence")
})
