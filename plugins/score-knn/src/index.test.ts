import { expect, test } from "bun:test"
import { seeded } from "@winnow/numerics"
import { instanceOf } from "@winnow/testing"
import { knn } from "./index.ts"

const scoreOf = async (h: ReadonlyArray<ReadonlyArray<number>>, gold: ReadonlyArray<number>, k: number) => {
  const instance = await instanceOf(knn({ k }))
  const [N, d] = [h.length, h[0]!.length]
  return instance.of({
    N,
    d,
    h_Nd: Float32Array.from(h.flat()),
    loss_N: new Float32Array(N),
    entropy_N: new Float32Array(N),
    gold_N: Int32Array.from(gold),
    sequence_N: new Int32Array(N),
    rng: seeded(1),
  })
}

test("the share of tokens whose nearest state has their own gold token", async () => {
  const two = [
    [1, 0],
    [2, 0.1],
    [0, 1],
    [0.1, 3],
  ]
  expect(await scoreOf(two, [7, 7, 8, 8], 1)).toBe(1)
  expect(await scoreOf(two, [7, 8, 7, 8], 1)).toBe(0)
  // Only the third has another label than its neighbour.
  expect(await scoreOf(two, [7, 7, 9, 8], 1)).toBe(0.5)
})

test("neighbours vote; of equally frequent labels the nearest one's wins; more neighbours than there are is all", async () => {
  const line = [
    [1, 0],
    [1, 0.1],
    [1, 0.2],
    [1, 0.9],
  ]
  // The first has neighbours 1, 2, 3 with labels 5, 6, 6 -> 6.
  expect(await scoreOf(line, [6, 5, 6, 6], 3)).toBe(0.75)
  expect(
    await scoreOf(
      [
        [1, 0],
        [1, 0.1],
        [0, 1],
      ],
      [5, 5, 6],
      2,
    ),
  ).toBeCloseTo(2 / 3, 12)
  expect(await scoreOf(line, [6, 6, 6, 6], 1000)).toBe(1)
})

test("rows of zeros are no fault, and one other token is the least", async () => {
  expect(
    await scoreOf(
      [
        [0, 0],
        [0, 0],
      ],
      [3, 3],
      5,
    ),
  ).toBe(1)
})

test("k is an integer from 1", async () => {
  await expect(instanceOf(knn.use({ k: 0 }) as ReturnType<typeof knn>)).rejects.toThrow("score knn: k must be")
})
