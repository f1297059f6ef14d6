import { expect, test } from "bun:test"
import { isBusy } from "./busy.ts"

test("a machine is busy from more than half of its cores on", () => {
  expect([0, 1, 1.01, 2.2].map((load) => isBusy(load, 2))).toEqual([false, false, true, true])
  expect(isBusy(8, 16)).toBe(false)
})
