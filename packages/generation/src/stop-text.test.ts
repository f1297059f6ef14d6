import { expect, test } from "bun:test"
import { byteTokenizer } from "@winnow/data"
import { Effect } from "effect"
import { stopAtText } from "./stop-text.ts"

/** Number of tokens after which a text ends, or undefined. */
const endsAt = (text: string, ...stops: ReadonlyArray<string>) => {
  const stop = stopAtText(stops, byteTokenizer.decode)
  const ids = [...Effect.runSync(byteTokenizer.encode([text]))[0]!]
  const end = ids.findIndex((_, i) => stop(ids.slice(0, i + 1)))
  return end < 0 ? undefined : byteTokenizer.decode(ids.slice(0, end + 1))
}

test("a text ends with the token that completes a stop string, the first of any", () => {
  expect(endsAt("How many?\n\nAnswer: 4", "\n\n")).toBe("How many?\n\n")
  expect(endsAt("one two three", "three", "two")).toBe("one two")
  expect(endsAt("one two three", "four")).toBe(undefined)
  expect(endsAt("aaab", "aab")).toBe("aaab")
})

test("stop strings of multi-byte characters, far into a text", () => {
  expect(endsAt(`${"é".repeat(100)}→ x`, "é→")).toBe(`${"é".repeat(100)}→`)
})

test("tokens that cross the border of the stop string", () => {
  const words = ["ab", "cd", "ef"]
  const stop = stopAtText(["bc"], (ids) => Array.from(ids, (id) => words[id]).join(""))
  expect([stop([0]), stop([0, 2]), stop([0, 1])]).toEqual([false, false, true])
})

test("an empty string is refused", () => {
  expect(() => stopAtText([""], byteTokenizer.decode)).toThrow("empty stop string")
})
