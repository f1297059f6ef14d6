import { expect, test } from "bun:test"
import { align, short } from "./table.ts"

test("columns are aligned: text left, numbers right, wide characters counted as they show", () => {
  const text = align(
    [
      ["arm", "τ", "seconds"],
      ["all-tokens", "2.10", "9.1"],
      ["x", "10.00", "120.0"],
    ],
    new Set([0]),
  )
  expect(text.split("\n")).toEqual([
    "arm             τ  seconds",
    "──────────  ─────  ───────",
    "all-tokens   2.10      9.1",
    "x           10.00    120.0",
  ])
})

test("numbers are shortened to three digits", () => {
  expect([0, 7, 999, 1234, 76944, 1.97e6, 4.52e11].map(short)).toEqual([
    "0",
    "7",
    "999",
    "1.23k",
    "76.9k",
    "1.97M",
    "452G",
  ])
})
