/** Invalid values from outside: the message names the found value and the valid ones. */
import { expect, test } from "bun:test"
import { type } from "arktype"
import { Effect } from "effect"
import { decode } from "./decode.ts"
import { fieldsAt } from "./schema-fields.ts"

const shape = type({ "+": "reject", kind: "'circle'", radius: "number" })
  .or({ "+": "reject", kind: "'square'", side: "number" })
  .narrow(() => true)
const schema = type({
  "+": "reject",
  "steps?": "number",
  "shape?": shape,
  "named?": { "[string]": shape },
  "all?": shape.array(),
})

const refused = async (input: unknown) =>
  (await Effect.runPromise(Effect.flip(decode<unknown, unknown>("drawing", schema as never, input)))).problems

test("an unknown field is refused with the fields that there are, and with the one that was probably meant", async () => {
  expect(await refused({ stepz: 1 })).toEqual([
    "stepz must be removed; did you mean steps? there are all, named, shape, steps",
  ])
  expect(await refused({ q: 1 })).toEqual(["q must be removed; there are all, named, shape, steps"])
})

test("of several forms the value says which fields there are, at any depth", async () => {
  const circle = { kind: "circle", radius: 1, side: 2 }
  const expected = "side must be removed; there are kind, radius"
  expect(await refused({ shape: circle })).toEqual([`shape.${expected}`])
  expect(await refused({ named: { a: circle } })).toEqual([`named.a.${expected}`])
  expect((await refused({ all: [circle] })).join()).toContain(expected)
})

test("the error of a field inside a value that is no object names the outer value", async () => {
  expect(await refused({ shape: 3 })).toEqual(["shape must be an object (was the number 3)"])
  expect(await refused({ shape: null })).toEqual(["shape must be an object (was null)"])
})

test("fields of a schema: those of all forms without a value, none of a schema of another kind", () => {
  expect(fieldsAt(shape)).toEqual(["kind", "radius", "side"])
  expect(fieldsAt(schema, ["named", "any"])).toEqual(["kind", "radius", "side"])
  expect(fieldsAt(schema, ["nothing"])).toEqual([])
  expect(fieldsAt({ "~standard": {} })).toEqual([])
})
