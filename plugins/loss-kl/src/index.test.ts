import { describe, expect, test } from "bun:test"
import { klDivergence, logSoftmax } from "@winnow/numerics"
import { checkLoss, instanceOf } from "@winnow/testing"
import { kl } from "./index.ts"

describe("keeps the laws", () => {
  for (const T of [1, 0.5, 2])
    for (const squared of [false, true])
      test(`temperature ${T}, ${squared ? "times T^2" : "plain"}`, () =>
        checkLoss(kl({ temperature: T, timesTemperatureSquared: squared }), {
          reference: ({ draft_V, target_V }) =>
            klDivergence(logSoftmax(target_V, T), logSoftmax(draft_V, T)) * (squared ? T * T : 1),
          zeroAtTarget: true,
        }))
})

test("a temperature of 0 is refused", async () => {
  await expect(instanceOf(kl({ temperature: 0 }))).rejects.toThrow(/temperature must be/)
})
