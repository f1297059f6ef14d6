import { expect, test } from "bun:test"
import { aComparison, aRun } from "../test/record.ts"
import type { RunRecord } from "./record/schema.ts"
import { renderSummary, summaryLines } from "./summary.ts"

const prompts = 30
const five = aComparison({ prompts })
const records = [
  five,
  ...[1, 2].map((seeds) => aComparison({ prompts, seeds })),
  ...[1, 2, 5].map((seeds) => aRun({ seeds })),
]
const where = "results/004-compute-matched/gsm8k-0123456789"

for (const columns of [80, 120])
  test(`ten lines at the most in ${columns} columns: the verdict, the table, where the rest lies, how a draft leaves`, () => {
    for (const run of records) {
      const lines = renderSummary(run, where, columns).split("\n")
      expect(lines.length).toBeLessThanOrEqual(summaryLines)
      expect(lines[0]).toStartWith(`${run.part === null ? "" : `${run.part}. `}${run.verdict.slice(0, 30)}`)
      expect(lines.slice(-2)).toEqual([
        `report.html and run.json: ${where}`,
        `take a draft along: bun run winnow export ${run.run} ARM --to DIR`,
      ])
      for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns)
      const table = lines.slice(
        lines.findIndex((line) => line.startsWith("arm ")),
        -1,
      )
      for (const line of table) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80)
    }
  })

/** A run of these rows alone. */
const only = (run: RunRecord, ...names: ReadonlyArray<string>): RunRecord => ({
  ...run,
  rows: run.rows.filter(({ name }) => names.includes(name)),
})

test("each arm has its acceptance and tau with intervals, and what it has more than the baseline", () => {
  const run = only(five, "start", "all-equal-steps", "adaspec", "random")
  const text = renderSummary(run, where, 80)
  expect(text).toMatch(/^arm +greedy % +tau \(g=4\) +minus all-equal-steps$/m)
  expect(text).toMatch(/^\(start\) +\d+\.\d ± \d+\.\d +\d\.\d\d ± \d\.\d\d$/m)
  expect(text).toMatch(/^all-equal-steps +\d+\.\d ± \d+\.\d +\d\.\d\d ± \d\.\d\d$/m)
  const { value, low, high } = run.differences.find(
    ({ a, b, measure }) => a === "all-equal-steps" && b === "adaspec" && measure === "greedyAcceptance",
  )!
  const signed = (x: number) => `${-x > 0 ? "+" : ""}${(-100 * x).toFixed(1)}`
  expect(text).toContain(`${signed(value!)} [${signed(high!)}, ${signed(low!)}]`)
})

test("of two seeds no interval stands; rows that find no room are counted, the arm in question and its baseline stay", () => {
  const two = renderSummary(only(records[2]!, "all-equal-steps", "adaspec"), where, 80)
  expect(two).not.toMatch(/^adaspec.*[±[]/m)
  const all = five
  const text = renderSummary(all, where, 80)
  const left = Number(/^and (\d+) more: --verbose, or the report$/m.exec(text)![1])
  const shown = all.rows.filter(({ name, role }) => text.includes(`\n${role === "arm" ? name : `(${name})`} `))
  expect(shown.length + left).toBe(all.rows.length)
  expect(shown.map(({ name }) => name)).toEqual(expect.arrayContaining(["start", "adaspec", all.baseline]))
})

test("long names are cut, figures never", () => {
  const run = five
  const long = "an-arm-with-a-name-of-more-than-forty-characters"
  const rename = (name: string) => (name === "adaspec" ? long : name)
  const renamed: RunRecord = {
    ...run,
    rows: run.rows.map((row) => ({ ...row, name: rename(row.name) })),
    differences: run.differences.map((d) => ({ ...d, a: rename(d.a), b: rename(d.b) })),
    about: long,
  }
  const line = renderSummary(renamed, where, 80)
    .split("\n")
    .find((text) => text.startsWith("an-arm-with"))!
  expect(line).toMatch(/^an-arm-with.*… {2}\d+\.\d ± \d+\.\d {2}\d\.\d\d ± \d\.\d\d {2,}[+-]?\d+\.\d \[.*\]$/)
  expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80)
})
