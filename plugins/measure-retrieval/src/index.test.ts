import { expect, test } from "bun:test"
import { defineTask, type EncodedExample } from "@winnow/core"
import { seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { instanceOf } from "@winnow/testing"
import { type } from "arktype"
import { Effect } from "effect"
import { gainOf, retrieval } from "./index.ts"

test("nDCG@10: 1 for relevant documents first, discounted by place, 0 without any", () => {
  expect(gainOf([true, true, false], 2)).toBe(1)
  expect(gainOf([false, true], 1)).toBeCloseTo(1 / Math.log2(3), 12)
  expect(gainOf([true, false, true], 2)).toBeCloseTo((1 + 0.5) / (1 + 1 / Math.log2(3)), 12)
  expect(gainOf([false, false], 5)).toBe(0)
  expect(gainOf([], 0)).toBe(0)
  // more relevant documents than places: ten of them are all that a ranking can have
  expect(gainOf(new Array<boolean>(12).fill(true), 40)).toBe(1)
})

const none = defineTask({
  name: "none",
  options: type({ "+": "reject" }),
  make: () => Effect.succeed({ examples: () => [] }),
})
const example = (c: number, noise: number): EncodedExample => ({
  ids: Int32Array.of(c, noise, 100 + c),
  promptLength: 2,
})
const documents = Array.from({ length: 60 }, (_, i) => example(i % 3, i))
/** The state of a text: a corner of its class far from the origin, and a little of its own. */
const pooled = (apart: number) => (texts: ReadonlyArray<Int32Array>) =>
  tf.tensor2d(
    texts.map(([c, noise]) => [100 + (c === 0 ? apart : 0), 100 + (c === 1 ? apart : 0), Math.sin(noise! * 7.3)]),
    [texts.length, 3],
  )
const run = async (apart: number, measured = [example(0, 900), example(1, 901), example(7, 902)]) => {
  const { fitted } = await instanceOf(retrieval({ task: none() }))
  const copy = () => {
    throw new Error("nothing is trained")
  }
  const before = tf.memory().numTensors
  const input = { training: documents, validation: [], measured, pooled: pooled(apart), copy, d: 3 }
  const pieces = fitted({ ...input, rng: seeded(1, "retrieval") })
  for (;;) {
    const { done, value } = pieces.next()
    if (!done) continue
    expect(tf.memory().numTensors).toBe(before)
    return value
  }
}

test("classes apart are found first; the documents' mean, which all share, is taken out", async () => {
  expect(await run(50)).toEqual([
    [1, 1],
    [1, 1],
    [0, 1], // a class that no document has
  ])
  const [[level]] = (await run(0)) as [[number, number]]
  expect(level).toBeLessThan(0.9)
})
