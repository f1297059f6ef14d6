import { expect, test } from "bun:test"
import { checkVariable, instanceOf } from "@winnow/testing"
import { myVariable } from "./index.ts"

test("keeps the laws", () => checkVariable(myVariable()))

test("tells tokens with a digit", async () => {
  const { values } = await instanceOf(myVariable())
  expect([...values({ ids: Int32Array.of(0, 1), pieces: ["in ", "1859"] })]).toEqual([0, 1])
})
