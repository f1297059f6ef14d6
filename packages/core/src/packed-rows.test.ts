/** Packed rows hold the same sequences, each whole, and the same valid tokens in the same order. */
import { expect, test } from "bun:test"
import fc from "fast-check"
import { nextTokenProblem } from "./next-token.ts"
import { packedRows } from "./packed-rows.ts"

/** Examples of these numbers of inputs; id 100 e + i names input i of example e. */
const examplesOf = (lengths: ReadonlyArray<number>) =>
  lengths.map((length, e) => ({
    ids: Int32Array.from({ length: length + 1 }, (_, i) => 100 * e + i),
    promptLength: Math.min(e % 3, length),
  }))

const batches = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 24 })

test("every valid token is predicted from the token before it, at its own position, and nothing is lost", () => {
  fc.assert(
    fc.property(batches, (lengths) => {
      const plain = nextTokenProblem(examplesOf(lengths), -1)
      const packed = packedRows(plain, -1)
      const { B, T, ids_BT, start_BT, length_B, row_N, gold_N, position_N, sequence_N, tokens } = packed
      expect({ gold_N, position_N, sequence_N, tokens }).toEqual({
        ...{ gold_N: plain.gold_N, position_N: plain.position_N },
        ...{ sequence_N: plain.sequence_N, tokens: plain.tokens },
      })
      expect(new Set(row_N).size).toBe(row_N.length)
      for (const [n, row] of row_N.entries()) {
        expect(ids_BT[row]).toBe(gold_N[n]! - 1)
        expect((row % T) - start_BT![row]!).toBe(position_N[n]! - 1)
      }
      // each input once, behind its neighbours, with a start of its own; padding behind the last of a row
      expect([...ids_BT].filter((id) => id >= 0).sort()).toEqual([...plain.ids_BT].filter((id) => id >= 0).sort())
      for (const [at, id] of ids_BT.entries()) {
        const t = at % T
        expect(t < length_B[Math.floor(at / T)]!).toBe(id >= 0)
        expect(start_BT![at]).toBe(id < 0 ? t + 1 : t - (id % 100))
        if (id % 100 > 0) expect(ids_BT[at - 1]).toBe(id - 1)
      }
      expect(length_B.reduce((a, b) => a + b, 0)).toBe(tokens)
      expect(ids_BT.length).toBe(B * T)
      expect(start_BT!.length).toBe(B * T)
    }),
    { seed: 1, numRuns: 100 },
  )
})

test("rows are no longer than asked for, and never have more positions than padded ones", () => {
  fc.assert(
    fc.property(batches, fc.constantFrom(1, 2, 3), (lengths, times) => {
      const plain = nextTokenProblem(examplesOf(lengths), 0)
      const packed = packedRows(plain, 0, times)
      expect(packed.T).toBeLessThanOrEqual(times * plain.T)
      expect(packed.B * packed.T).toBeLessThanOrEqual(plain.B * plain.T)
    }),
    { seed: 2, numRuns: 200 },
  )
})

test("lengths that fit together leave no padding; one sequence stays as it is", () => {
  const of = (lengths: ReadonlyArray<number>) => {
    const { B, T, length_B } = packedRows(nextTokenProblem(examplesOf(lengths), 0), 0, 2)
    return { B, T, lengths: [...length_B] }
  }
  expect(of([10, 3, 7, 4, 6])).toEqual({ B: 3, T: 10, lengths: [10, 10, 10] })
  expect(of([5, 5, 5, 5])).toEqual({ B: 4, T: 5, lengths: [5, 5, 5, 5] })
  expect(of([8])).toEqual({ B: 1, T: 8, lengths: [8] })
})
