import { expect, test } from "bun:test"
import { utf8Lines, utf8Text } from "./utf8-lines.ts"

const linesOf = (...bytes: ReadonlyArray<number | string>) =>
  Array.from(
    utf8Lines(Buffer.concat(bytes.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.of(part))))),
  )

test("lines end with \\n or \\r\\n; a mark of byte order belongs to none", () => {
  expect(linesOf("\uFEFFa\r\n\n\uFEFF\u00e9\r\nlast")).toEqual([
    { number: 1, text: "a" },
    { number: 2, text: "" },
    { number: 3, text: "\uFEFF\u00e9" },
    { number: 4, text: "last" },
  ])
  expect(linesOf("a\n")).toEqual([{ number: 1, text: "a" }])
  expect(linesOf("")).toEqual([])
  expect(linesOf("\r\n")).toEqual([{ number: 1, text: "" }])
})

test("a line that is no UTF-8 has no text, the others do", () => {
  expect(linesOf("a\n", 0xe9, "\nb")).toEqual([
    { number: 1, text: "a" },
    { number: 2, text: undefined },
    { number: 3, text: "b" },
  ])
  expect(utf8Text(Buffer.from("\uFEFF\u00e9\n"))).toBe("\u00e9\n")
  expect(() => utf8Text(Buffer.of(0x61, 0x0a, 0xc3))).toThrow("line 2 is not UTF-8; save the file in that encoding")
})
