import { expect, test } from "bun:test"
import { randomScoreInput } from "@winnow/core"
import { checkScore, instanceOf } from "@winnow/testing"
import { size } from "./index.ts"

test("keeps the laws", () => checkScore(size(), { scaleInvariant: true, reference: ({ parameters }) => parameters }))

test("the number of parameters, the more the better", async () => {
  const instance = await instanceOf(size())
  expect(instance.of({ ...randomScoreInput(1), parameters: 96_000 })).toBe(96_000)
  expect(instance).toMatchObject({ better: "higher", needs: ["parameters"] })
})
