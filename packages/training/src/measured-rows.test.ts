/** Measures read the rows of the step, independent of a text's neighbours in its portion. */
import { afterAll, expect, test } from "bun:test"
import { type Draft, mostProbable, nextTokenProblem, type Problem } from "@winnow/core"
import { medusa } from "@winnow/head-medusa"
import { initialise, initialiseHead } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { masked } from "@winnow/objective-masked"
import { tf } from "@winnow/tensor"
import { bothWays, instanceOf, oneWay } from "@winnow/testing"
import { measuredRows, modelRows } from "./measured-rows.ts"

const V = 14
const sizes = { vocab_size: V, width: 16, depth: 2, heads: 2, length: 16 }
const encoder = initialise(await instanceOf(bothWays(sizes)), 1)
const decoder = initialise(await instanceOf(oneWay(sizes)), 2)
const head = initialiseHead(await instanceOf(medusa({ heads: 1 })), decoder, 3)
afterAll(() => {
  for (const model of [head, encoder, decoder]) model.dispose()
})

const rng = seeded(1, "texts")
const examples = [9, 3, 6].map((length) => ({
  ids: Int32Array.from({ length }, () => rng.below(V - 1)),
  promptLength: 1,
}))
const { problem: mask } = await instanceOf(masked({ maskId: V - 1, rate: 0.5, mask: 1, random: 0, keep: 0 }))
const maskedProblem = (some: typeof examples): Problem =>
  mask({ examples: some, padId: 0, vocabularySize: V, step: 0, steps: 1, rng: seeded(4) })

const numbers = (draft: Draft, problem: Problem): ReadonlyArray<number> => {
  const before = tf.memory().numTensors
  let found: ReadonlyArray<number> = []
  tf.tidy(() => {
    found = measuredRows(draft, problem).flatMap((entry) => [...entry.h_Md.dataSync()])
  })
  expect(tf.memory().numTensors).toBe(before)
  return found
}

test("an encoder: the first text of a portion has the same rows beside longer and shorter ones as alone", () => {
  const [long, short] = [examples[0]!, examples[1]!]
  const together = maskedProblem([short, long])
  const alone = maskedProblem([short])
  // The draws of the first text come first, so its masked positions are the same.
  const rows = alone.row_N.length
  expect([...together.row_N.subarray(0, rows)]).toEqual([...alone.row_N])
  const found = numbers(encoder, together).slice(0, rows * sizes.width)
  const expected = numbers(encoder, alone)
  expect(found.length).toBe(expected.length)
  for (const [i, x] of expected.entries()) expect(found[i]!).toBeCloseTo(x, 5)
})

test("an encoder reads what is behind a row: another last token changes the first row, of a decoder it does not", () => {
  const problem = nextTokenProblem([examples[0]!], 0)
  const changed = { ...problem, ids_BT: problem.ids_BT.with(problem.T - 1, V - 1) }
  const first = (draft: Draft, of: Problem) => numbers(draft, of).slice(0, sizes.width)
  expect(first(decoder, changed)).toEqual(first(decoder, problem))
  const [a, b] = [first(encoder, changed), first(encoder, problem)]
  expect(Math.max(...a.map((x, i) => Math.abs(x - b[i]!)))).toBeGreaterThan(1e-3)
})

test("a fresh head has the target's rows of one position earlier; the most probable token is that of its logits", () => {
  const problem = nextTokenProblem(examples, 0)
  tf.tidy(() => {
    const [entry] = measuredRows(head, problem)
    const whole = modelRows(
      decoder,
      nextTokenProblem(
        examples.map((e) => ({ ...e, promptLength: 1 })),
        0,
      ),
    )
    const target_N = mostProbable(whole)
    // Row n of the head is at the position whose next token row n - 1 predicts.
    const ahead = mostProbable(entry!)
    expect([...ahead]).toEqual(Array.from(entry!.at_M!, (n) => target_N[n - 1]!))
    const logits = tf.matMul(whole.h_Md, whole.head_Vd as tf.Tensor2D, false, true).arraySync() as number[][]
    expect([...target_N]).toEqual(logits.map((row) => row.indexOf(Math.max(...row))))
  })
})
