import { expect, test } from "bun:test"
import { randomScoreInput } from "@winnow/core"
import { checkScore, instanceOf } from "@winnow/testing"
import { perplexity } from "./index.ts"

test("keeps the laws", () => checkScore(perplexity(), { scaleInvariant: true }))

test("exp of the mean loss; a loss that is not finite is a fault that names the plugin", async () => {
  const instance = await instanceOf(perplexity())
  expect(instance).toMatchObject({ better: "lower", needs: ["loss_M"], least: 1 })
  const of = (...loss: ReadonlyArray<number>) =>
    instance.of({ ...randomScoreInput(1), M: loss.length, loss_M: Float32Array.from(loss) })
  expect(of(1, 2, 6)).toBeCloseTo(Math.exp(3), 12)
  expect(of(0)).toBe(1)
  expect(() => of(1, Number.NaN, 6)).toThrow("score perplexity: returned the number NaN; expected a finite number")
})
