import { expect, test } from "bun:test"
import { seeded } from "@winnow/numerics"
import { checkObjective, instanceOf } from "@winnow/testing"
import { wholeText } from "./index.ts"

test("keeps the laws", () => checkObjective(wholeText()))

test("every token but the first of a text is a row, prompts included", async () => {
  const { problem } = await instanceOf(wholeText())
  const examples = [
    { ids: Int32Array.of(5, 6, 7, 8), promptLength: 3 },
    { ids: Int32Array.of(9, 4), promptLength: 1 },
  ]
  const { gold_N, position_N, sequence_N } = problem({
    ...{ examples, padId: 0, vocabularySize: 10, step: 0, steps: 1 },
    rng: seeded(1),
  })
  expect([[...gold_N], [...position_N], [...sequence_N]]).toEqual([
    [6, 7, 8, 4],
    [1, 2, 3, 1],
    [0, 0, 0, 1],
  ])
})
