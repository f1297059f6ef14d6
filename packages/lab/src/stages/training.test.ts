import { expect, test } from "bun:test"
import { Effect } from "effect"
import { trainingSpec } from "../experiment/training-spec.ts"
import { checkpointSeconds, trainingFields } from "./training.ts"

test("the time between checkpoints is a number from 0 on, 20 seconds if unset; anything else is refused", () => {
  const seconds = (asked?: string) => Effect.runSync(checkpointSeconds(asked))
  expect([seconds(""), seconds("0"), seconds("0.5"), seconds("120")]).toEqual([20, 0, 0.5, 120])
  for (const wrong of ["abc", "-1", "1e999", "NaN", "20s"])
    expect(Effect.runSync(Effect.flip(checkpointSeconds(wrong))).message).toContain(
      `WINNOW_CHECKPOINT_SECONDS: it is "${wrong}", expected seconds from 0 on`,
    )
})

test("a key holds the arrangement of batches only where it is another than the usual one", () => {
  const fields = (batch?: object) => {
    const training = { steps: 2, batchSize: 3, ...(batch && { batch }) }
    return Effect.runSync(trainingFields(trainingSpec.assert(training)))
  }
  expect(fields({ rows: "padded", bucket: 16 })).toEqual(fields())
  expect(fields()).not.toHaveProperty("batch")
  expect(fields({ rows: "packed" })).toEqual({ ...fields(), batch: { rows: "packed", bucket: 16 } })
  expect(fields({ bucket: 1 })).toEqual({ ...fields(), batch: { rows: "padded", bucket: 1 } })
})
