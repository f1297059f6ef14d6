/** The lines that a run's metrics.jsonl keeps of a stage's events. */
import { expect, test } from "bun:test"
import { thinned } from "./metrics.ts"

const steps = (n: number) => Array.from({ length: n }, (_, i) => ({ _tag: "step", step: i + 1, loss: 1 / (i + 1) }))
const kept = (step: number, weights: ReadonlyArray<number>) => ({
  _tag: "kept",
  step,
  sequences: [{ gold: [1, 2], weights }],
})
const stepsIn = (n: number) => thinned(steps(n)).map((line) => line["step"])

test("a short stage has all of its steps, a longer one the first, the last and every tenth, as they were", () => {
  expect(stepsIn(100)).toEqual(steps(100).map(({ step }) => step))
  expect(stepsIn(252)).toEqual([1, ...Array.from({ length: 25 }, (_, i) => 10 * (i + 1)), 252])
  expect(thinned(steps(252)).at(-1)).toEqual({ _tag: "step", step: 252, loss: 1 / 252 })
  expect(stepsIn(30_000).length).toBe(151)
  expect(thinned([])).toEqual([])
})

test("choices of a filter that keeps every token are left out, those of one that drops any stay whole", () => {
  const head = { _tag: "head", step: 0 }
  expect(thinned([head, ...steps(2), kept(1, [1, 1]), kept(2, [1, 1])])).toEqual([head, ...steps(2)])
  const some = [head, kept(1, [1, 1]), ...steps(2), kept(2, [0, 1])]
  expect(thinned(some)).toEqual(some)
})
