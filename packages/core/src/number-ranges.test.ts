import { expect, test } from "bun:test"
import { outOfRange } from "./number-ranges.ts"

test("the ends of a range are in it; the first number outside is refused with its range", () => {
  expect(outOfRange([])).toBeUndefined()
  const ends: Parameters<typeof outOfRange>[0] = [
    ["--port", 0, 0, 65_535],
    ["--port", 65_535, 0, 65_535],
  ]
  expect(outOfRange(ends)).toBeUndefined()
  const refusal = outOfRange([...ends, ["--queue", -1, 0, 9], ["--port", 70_000, 0, 65_535]])
  expect(refusal?.message).toBe("--queue -1: expected a number from 0 to 9")
  expect(outOfRange([["--minutes", Number.NaN, 1, 2]])?.message).toBe("--minutes NaN: expected a number from 1 to 2")
})
