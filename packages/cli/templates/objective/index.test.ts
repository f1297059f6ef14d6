import { expect, test } from "bun:test"
import { seeded } from "@winnow/numerics"
import { checkObjective, instanceOf } from "@winnow/testing"
import { myObjective } from "./index.ts"

test("keeps the laws", () => checkObjective(myObjective()))

test("every token but the first is predicted", async () => {
  const { problem } = await instanceOf(myObjective())
  const examples = [{ ids: Int32Array.of(5, 6, 7), promptLength: 2 }]
  const { gold_N } = problem({ examples, padId: 0, vocabularySize: 9, step: 0, steps: 1, rng: seeded(1) })
  expect([...gold_N]).toEqual([6, 7])
})
