import { expect, test } from "bun:test"
import { seeded } from "@winnow/numerics"
import { instanceOf } from "@winnow/testing"
import { goldLoss } from "./index.ts"

test("the mean of the losses, nats; a loss that is not finite is a fault that names the plugin", async () => {
  const instance = await instanceOf(goldLoss())
  const common = { N: 3, d: 1, h_Nd: new Float32Array(3), entropy_N: new Float32Array(3), rng: seeded(1) }
  const tokens = { gold_N: new Int32Array(3), sequence_N: new Int32Array(3) }
  expect(instance).toMatchObject({ better: "lower", unit: "nats", needs: ["loss_N"] })
  expect(instance.of({ ...common, ...tokens, loss_N: Float32Array.of(1, 2, 6) })).toBe(3)
  expect(() => instance.of({ ...common, ...tokens, loss_N: Float32Array.of(1, Number.NaN, 6) })).toThrow(
    "score gold-loss: returned the number NaN; expected a finite number",
  )
})
