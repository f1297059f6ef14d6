import { expect, test } from "bun:test"
import { parseJson } from "./index.ts"

const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth)

test("deep nesting is refused at any depth; usual nesting is accepted", () => {
  expect(parseJson(nested(64))).toBeArray()
  for (const depth of [65, 1000, 100_000, 1_000_000])
    expect(() => parseJson(nested(depth))).toThrow("nested deeper than 64 levels")
  expect(() => parseJson(`${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`)).toThrow("nested deeper than 64 levels")
})

test("a number that a double does not hold is reported with its place", () => {
  expect(() => parseJson('{"a":[1,{"b":-1e999}]}')).toThrow("a[1].b is a number beyond what a double holds")
  expect(() => parseJson("1e999")).toThrow("the value is a number beyond")
  expect(parseJson("[1e308, -0, 1e-400]")).toEqual([1e308, -0, 0])
})

test("names such as __proto__ are plain fields", () => {
  const object = parseJson('{"__proto__": {"x": 1}}') as object
  expect(Object.keys(object)).toEqual(["__proto__"])
  expect("x" in object).toBe(false)
})
