import { expect, test } from "bun:test"
import { type } from "arktype"
import { insideOf, later } from "./later.ts"
import { fieldsAt } from "./schema-fields.ts"

const size = type({ "+": "reject", kind: "'size'", of: "number.integer >= 1 = 3" })
const name = type({ "+": "reject", kind: "'name'", of: "string >= 1" })
const count = { built: 0 }
const form = later(() => {
  count.built++
  return size.or(name)
})
const whole = type({ "+": "reject", first: form, "more?": form.array(), least: "number >= 0" })
const plain = type({ "+": "reject", first: size.or(name), "more?": size.or(name).array(), least: "number >= 0" })

const told = (result: unknown): ReadonlyArray<string> =>
  result instanceof type.errors ? result.map(({ path, message }) => `${path.join(".")} | ${message}`).sort() : ["none"]

test("values and defaults are those of the type inside, which is built once, at the first check", () => {
  const seen = { ...count }
  const value = { first: { kind: "size" }, more: [{ kind: "name", of: "a" }, { kind: "size" }], least: 0 }
  const expected: unknown = plain(value)
  expect(whole(value)).toEqual(expected as never)
  expect(whole(structuredClone(value))).toEqual({
    first: { kind: "size", of: 3 },
    more: [
      { kind: "name", of: "a" },
      { kind: "size", of: 3 },
    ],
    least: 0,
  })
  expect([seen.built, count.built]).toEqual([0, 1])
  expect(form({ kind: "size" })).toEqual({ kind: "size", of: 3 })
  expect(form.assert({ kind: "size" })).toEqual({ kind: "size", of: 3 })
  expect([form.allows({ kind: "size" }), form.allows({ kind: "size", of: 0 })]).toEqual([true, false])
})

test("every problem has its whole path and the words of the type inside, all at once", () => {
  const wrong: ReadonlyArray<unknown> = [
    { first: { kind: "size", of: 0 }, more: [{ kind: "name", of: "" }], least: -1 },
    { first: { kind: "other" }, least: 0 },
    { first: { kind: "size", off: 1 }, least: 0 },
    { first: null, least: "x" },
    { first: { kind: "name", of: "a" }, more: [{ kind: "size" }, 4], least: 0 },
  ]
  expect(told(form({ kind: "size", of: 0 }))).toEqual(told(size.or(name)({ kind: "size", of: 0 })))
  const deep = type({ a: later(() => type({ b: later(() => whole) })) })
  const plainDeep = type({ a: { b: plain } })
  for (const value of wrong) {
    expect(told(deep({ a: { b: value } }))).toEqual(told(plainDeep({ a: { b: value } })))
    expect(told(whole(value))).toEqual(told(plain(value)))
    expect(told(whole(value))).not.toEqual(["none"])
  }
})

test("an object that changes between two checks is checked anew", () => {
  const value = { first: { kind: "size", of: 1 }, least: -1 }
  expect(told(whole(value))).toHaveLength(1)
  value.first.of = 7
  value.least = 1
  expect(whole(value)).toEqual({ first: { kind: "size", of: 7 }, least: 1 })
})

test("the work does not double with each depth", () => {
  const seen = { checks: 0 }
  let nested: ReturnType<typeof later<unknown>> = type("unknown").narrow(() => ++seen.checks > 0) as never
  for (let depth = 0; depth < 12; depth++) {
    const inner = nested
    nested = later(() => type({ in: inner })) as never
  }
  let value: unknown = {}
  for (let depth = 0; depth < 12; depth++) value = { in: value }
  expect(nested(value)).toEqual(value as never)
  expect(seen.checks).toBe(1)
})

test("the type inside is seen by those that list its fields", () => {
  expect(insideOf(form)).toBe(insideOf(form))
  expect(insideOf((whole as never as { get(key: string): unknown }).get("first"))).toBe(insideOf(form))
  expect(insideOf((whole.in as never as { get(key: string): unknown }).get("first"))).toBe(insideOf(form))
  expect(fieldsAt(whole, ["first"], { first: { kind: "size" } })).toEqual(["kind", "of"])
  expect(insideOf(size)).toBe(size)
})
