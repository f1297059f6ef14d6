import { expect, test } from "bun:test"
import { batches } from "@winnow/data"
import { checkObjective, instanceOf } from "@winnow/testing"
import { nextToken } from "./index.ts"

test("keeps the laws", () => checkObjective(nextToken()))

test("reads each token before the one that it predicts, the prompt's too", async () => {
  const { problem } = await instanceOf(nextToken())
  const example = { ids: Int32Array.of(5, 6, 7, 8), promptLength: 2 }
  const short = { ids: Int32Array.of(3, 4), promptLength: 0 }
  const input = { padId: 9, vocabularySize: 20, step: 0, steps: 1, rng: undefined as never } // It uses no random draws.
  expect(problem({ ...input, examples: [example, short] })).toEqual({
    B: 2,
    T: 3,
    ids_BT: Int32Array.of(5, 6, 7, 3, 9, 9),
    length_B: Int32Array.of(3, 1),
    row_N: Int32Array.of(1, 2, 3),
    gold_N: Int32Array.of(7, 8, 4),
    sequence_N: Int32Array.of(0, 0, 1),
    position_N: Int32Array.of(2, 3, 1),
    tokens: 4,
  })
})

test("named or not, batches have the same bits", async () => {
  const examples = Array.from({ length: 9 }, (_, i) => ({
    ids: Int32Array.from({ length: 3 + (i % 4) }, (_, t) => i + t),
    promptLength: i % 3,
  }))
  const instance = await instanceOf(nextToken())
  const options = { batchSize: 2, seed: 3 }
  const named = batches(examples, {
    ...options,
    objective: { instance, vocabularySize: 20, steps: 5, microBatches: 1 },
  })
  const unnamed = batches(examples, options)
  for (let step = 0; step < 12; step++) expect(named.batch(step)).toEqual(unnamed.batch(step))
})
