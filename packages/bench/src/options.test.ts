/** A table of options: values, refusals, the text of `--help`. */
import { expect, test } from "bun:test"
import {
  choice,
  choices,
  count,
  countOrNone,
  counts,
  flag,
  optional,
  optionLines,
  ratio,
  readOptions,
  several,
  text,
  UsageError,
} from "./options.ts"

const options = {
  "top-k": count("K", 4, "entries"),
  patience: countOrNone("S", 0, "seconds"),
  gamma: counts("LIST", "1,4", "lengths"),
  keep: ratio("K", 0.4, "a share"),
  side: choice("WHAT", ["left", "right"], "left", `${"a long help text ".repeat(8)}ends`),
  sides: choices("LIST", ["left", "right"], "left,right", "some"),
  file: optional(text("FILE", "", "a file")),
  name: several(text("NAME", "", "a name")),
  fast: flag("quickly", "f"),
} as const
const read = (...args: ReadonlyArray<string>) => readOptions("walk", args, options).values

test("options that are left out have their default value, or none", () => {
  expect(read()).toEqual({
    topK: 4,
    patience: 0,
    gamma: [1, 4],
    keep: 0.4,
    side: "left",
    sides: ["left", "right"],
    file: undefined,
    name: [],
    fast: false,
  })
})

test("options are read; lists keep their order, each member once", () => {
  const args = ["--top-k", "7", "--patience=0", "--gamma", "3, 2,3", "--keep=1", "--sides", "right,left,right", "-f"]
  expect(read(...args, "--name", "b", "--name", "a", "--file", "x", "--side", "right")).toEqual({
    topK: 7,
    patience: 0,
    gamma: [3, 2],
    keep: 1,
    side: "right",
    sides: ["right", "left"],
    file: "x",
    name: ["b", "a"],
    fast: true,
  })
})

test.each([
  [["--top-k", "0"], '--top-k is "0", expected a whole number of 1 or more'],
  [["--top-k", "1e3"], '--top-k is "1e3"'],
  [["--patience", "-1"], "--patience"],
  [["--gamma", "1,,2"], '--gamma is "", expected a whole number'],
  [["--keep", "0"], '--keep is "0", expected a ratio above 0 and up to 1'],
  [["--sides", "left,up"], '--sides is "up", expected left, right'],
  [["--fast=1"], "--fast"],
  [["--slow"], "--slow"],
  [["stray"], "stray"],
])("%p is refused in one line that names the help", (args, message) => {
  expect(() => read(...args)).toThrow(UsageError)
  expect(() => read(...args)).toThrow(message)
  expect(() => read(...args)).toThrow(/^.*; `bun run bench walk --help` lists the options$/)
})

test("the help has a line for each option, with its default in brackets; long lines wrap", () => {
  const lines = optionLines(options).split("\n")
  expect(lines[0]).toBe("  --top-k K         entries (4)")
  expect(lines).toContain("  --fast            quickly")
  expect(lines).toContain("  --file FILE       a file")
  expect(lines.filter((line) => line.startsWith(" ".repeat(20))).join("\n")).toContain("ends (left)")
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(121)
})
