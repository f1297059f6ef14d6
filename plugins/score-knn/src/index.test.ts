import { expect, test } from "bun:test"
import { randomScoreInput } from "@winnow/core"
import { checkScore, instanceOf } from "@winnow/testing"
import { knn } from "./index.ts"

type Input = ReturnType<typeof randomScoreInput>

/** All similarities, sorted. */
const slowly =
  (k: number) =>
  ({ N, d, C, h_Nd, class_N }: Input) => {
    const row = (n: number) => Array.from(h_Nd.subarray(n * d, (n + 1) * d))
    const length = (x: ReadonlyArray<number>) => Math.sqrt(x.reduce((s, v) => s + v * v, 0)) || 1
    const like = (n: number, m: number) =>
      row(n).reduce((s, v, i) => s + v * row(m)[i]!, 0) / length(row(n)) / length(row(m))
    let right = 0
    for (let n = 0; n < N; n++) {
      const others = Array.from({ length: N }, (_, m) => m).filter((m) => m !== n)
      const sorted = others.map((m) => like(n, m)).toSorted((a, b) => b - a)
      const least = sorted[Math.min(k, sorted.length) - 1]! - 1e-9
      const near = others.filter((m) => like(n, m) >= least)
      const votes = Array.from({ length: C }, (_, c) => near.filter((m) => class_N[m] === c).length)
      const top = votes.filter((v) => v === Math.max(...votes)).length
      if (votes[class_N[n]!] === Math.max(...votes)) right += 1 / top
    }
    return right / N
  }

const scoreOf = async (h: ReadonlyArray<ReadonlyArray<number>>, classes: ReadonlyArray<number>, k: number) =>
  (await instanceOf(knn({ k }))).of({
    ...randomScoreInput(1),
    N: h.length,
    d: h[0]!.length,
    C: Math.max(...classes) + 1,
    h_Nd: Float32Array.from(h.flat()),
    class_N: Int32Array.from(classes),
  })

test("keeps the laws", async () => {
  for (const k of [1, 3, 5]) await checkScore(knn({ k }), { scaleInvariant: true, reference: slowly(k) })
})

test("the share of states whose nearest state is of their own class", async () => {
  const two = [
    [1, 0],
    [2, 0.1],
    [0, 1],
    [0.1, 3],
  ]
  expect(await scoreOf(two, [0, 0, 1, 1], 1)).toBe(1)
  expect(await scoreOf(two, [0, 1, 0, 1], 1)).toBe(0)
  // Only the third is of another class than its neighbour, and so is the fourth.
  expect(await scoreOf(two, [0, 0, 2, 1], 1)).toBe(0.5)
})

test("neighbours vote; classes with equally many votes share the state; more neighbours than there are is all", async () => {
  const line = [
    [1, 0],
    [1, 0.1],
    [1, 0.2],
    [1, 0.9],
  ]
  // Of the second the three others are all of class 1, and it is of class 0.
  expect(await scoreOf(line, [1, 0, 1, 1], 3)).toBe(0.75)
  const three = [
    [1, 0],
    [1, 0.1],
    [0, 1],
  ]
  // The first two have one neighbour of each class: half of each.
  expect(await scoreOf(three, [0, 0, 1], 2)).toBeCloseTo((0.5 + 0.5 + 0) / 3, 12)
  expect(await scoreOf(line, [0, 0, 0, 0], 1000)).toBe(1)
})

test("equally near states all vote: a constant layer is a matter of chance", async () => {
  const zeros = Array.from({ length: 6 }, () => [0, 0])
  // Of the five others two are of the own class and three of the other.
  expect(await scoreOf(zeros, [0, 0, 0, 1, 1, 1], 1)).toBe(0)
  expect(await scoreOf(zeros, [0, 0, 0, 0, 1, 1], 1)).toBeCloseTo(4 / 6, 12)
})

test("k is an integer from 1", async () => {
  await expect(instanceOf(knn.use({ k: 0 }) as ReturnType<typeof knn>)).rejects.toThrow("score knn: k must be")
})
