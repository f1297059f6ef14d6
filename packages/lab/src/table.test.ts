import { expect, test } from "bun:test"
import { aRun } from "../test/record.ts"
import { align, caption, renderTable, short } from "./table.ts"

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

test("the head and the caption call an interval 95 % only where it is", () => {
  const head = (seeds: number) => renderTable(aRun({ seeds })).split("\n")[0]!
  for (const seeds of [1, 2, 3]) {
    expect(head(seeds)).toContain("mean, interval")
    expect(head(seeds)).not.toContain("95")
  }
  expect(head(5)).toContain("mean ± 95%")
  expect(caption(aRun({ seeds: 1 })).join("\n")).toContain("over prompts; one seed")
  expect(caption(aRun({ seeds: 3 })).join("\n")).toContain(
    "Intervals: percentile bootstrap over 3 seeds and prompts: about",
  )
  expect(caption(aRun({ seeds: 5 })).join("\n")).toContain(
    "Intervals: 95 %, percentile bootstrap over seeds and prompts.",
  )
})

test("the caption counts the prompts that were timed, and says when texts differed", () => {
  const line = (timing: Parameters<typeof aRun>[0]) => caption(aRun(timing)).find((l) => l.startsWith("Speed-up"))!
  expect(line({ timing: { prompts: 9, identical: 9, speedupByRound: [1.4, 1.5, 1.6] } })).toBe(
    "Speed-up: wall time, greedy, gamma = 4, 9 prompts, median of 3 rounds after an untimed one, batch 1, this machine.",
  )
  const odd = { prompts: 9, identical: 7, differences: [{ margin: 1e-6 }, { margin: 1e-5 }] }
  expect(line({ timing: odd })).toContain("the text of up to 2 of them was not the target's own")
})
