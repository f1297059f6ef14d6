import { expect, test } from "bun:test"
import { Effect } from "effect"
import { checkpointSeconds } from "./training.ts"

test("the time between checkpoints is a number from 0 on, 20 seconds if unset; anything else is refused", () => {
  const seconds = (asked?: string) => Effect.runSync(checkpointSeconds(asked))
  expect([seconds(""), seconds("0"), seconds("0.5"), seconds("120")]).toEqual([20, 0, 0.5, 120])
  for (const wrong of ["abc", "-1", "1e999", "NaN", "20s"])
    expect(Effect.runSync(Effect.flip(checkpointSeconds(wrong))).message).toContain(
      `WINNOW_CHECKPOINT_SECONDS: it is "${wrong}", expected seconds from 0 on`,
    )
})
