/** The most frequent ids of a text, against a count by hand. */
import { expect, test } from "bun:test"
import { frequentIds } from "./frequent-ids.ts"

const examples = [
  { ids: Int32Array.of(9, 9, 9, 4, 2, 4), promptLength: 3 },
  { ids: Int32Array.of(7, 2, 5, 4), promptLength: 0 },
]

test("tokens to predict are counted, prompts and first tokens are not; equal counts take the lower id", () => {
  // 4 three times, 2 twice, 5 once.
  expect(frequentIds(examples, 10, 2)).toEqual({ id_U: Int32Array.of(2, 4), tokens: 6, outside: 1 })
  expect(frequentIds(examples, 10, 1)).toEqual({ id_U: Int32Array.of(4), tokens: 6, outside: 3 })
  expect(frequentIds([{ ids: Int32Array.of(0, 8, 3, 8, 3), promptLength: 1 }], 9, 1).id_U).toEqual(Int32Array.of(3))
})

test("ids that the text does not have fill the rest, the lowest first", () => {
  expect(frequentIds(examples, 10, 5)).toEqual({ id_U: Int32Array.of(0, 1, 2, 4, 5), tokens: 6, outside: 0 })
})
