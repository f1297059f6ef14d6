import { expect, test } from "bun:test"
import { aComparison, aRun } from "../../test/record.ts"
import { renderTable } from "../table.ts"
import { align, wrap } from "./align.ts"
import { caption } from "./caption.ts"
import { cellsOf } from "./cells.ts"
import { costTable } from "./cost.ts"
import { acceptanceTable } from "./distillation.ts"
import { fitRows } from "./fit.ts"
import { plain, plusMinus, short, written } from "./format.ts"

const run = aComparison({ prompts: 20 })

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

test("words are cut before columns are left out, the last column first; figures are never cut", () => {
  const rows = [
    ["arm", "filter", "one", "two"],
    ["a".repeat(30), "b".repeat(20), "1234567890", "1234567890"],
  ]
  const left = new Set([0, 1])
  expect(fitRows(rows, left, 76).rows).toEqual(rows)
  const cut = fitRows(rows, left, 70)
  expect(cut.out).toEqual([])
  expect(cut.rows[1]).toEqual([`${"a".repeat(23)}…`, "b".repeat(20), "1234567890", "1234567890"])
  expect(fitRows(rows, left, 62).out).toEqual(["two"])
  expect(fitRows(rows, left, 62, { drop: [1] }).out).toEqual(["filter"])
  const least = fitRows(rows, left, 20, { drop: [3, 1] })
  expect(least.rows[1]).toEqual([`${"a".repeat(7)}…`, "1234567890"])
})

test("paragraphs are broken between words, and a word longer than a line stands alone", () => {
  expect(wrap("one two three", 9, "- ").split("\n")).toEqual(["- one two", "  three"])
  expect(wrap("a veryverylongword b", 6).split("\n")).toEqual(["a", "veryverylongword", "b"])
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
  expect(written(-0.001, plain)).toBe("0.00")
})

test("a figure is never written without its interval", () => {
  expect(plusMinus({ value: 0.6, low: 0.55, high: 0.65, seeds: 5 }, { factor: 100, digits: 1 })).toBe("60.0 ± 5.0")
  // The interval is cut at 1: the other side counts.
  expect(plusMinus({ value: 0.9, low: 0.6, high: 1, seeds: 3 }, { factor: 100, digits: 1 })).toBe("90.0 ± 30.0")
  // Two seeds: no comparison, so nothing that looks like one.
  expect(plusMinus({ value: 0.9, low: 0.6, high: 1, seeds: 2 }, { factor: 100, digits: 1 })).toBe("90.0")
  expect(plusMinus({ value: 2, low: null, high: null, seeds: 1 }, plain)).toBe("2.00 ± ?")
  expect(plusMinus({ value: null, low: null, high: null, seeds: 0 }, plain)).toBe("-")
  const { rows } = cellsOf(acceptanceTable(run))
  const [head, ...body] = rows
  const figures = head!.flatMap((name, i) => (["arm", "seeds", "passes", "FLOPs"].includes(name) ? [] : [i]))
  expect(figures.length).toBe(9)
  for (const row of body) for (const i of figures) expect(row[i]).toMatch(/^(\d+\.\d+ ± \d+\.\d+|-)$/)
  // A seed is missing: the row reports four seeds.
  expect(body.map((row) => row[head!.indexOf("seeds")])).toEqual(run.rows.map((row) => String(row.seeds.length)))
  expect(run.rows.find(({ name }) => name === "bottom")!.seeds.length).toBe(4)
})

test("costs stand beside every acceptance, with the reference's", () => {
  const cost = (name: string) =>
    cellsOf(costTable(run))
      .rows.find(([arm]) => arm === name)!
      .slice(4)
  expect(cost("all-equal-steps")).toEqual(["400", "0.60", "276k", "460k", "208G", "8.4"])
  expect(cost("adaspec")).toEqual(["400 / 800", "0.60", "110k / 386k", "460k / 920k", "133G / 341G", "5.9 / 14.3"])
  expect(caption(run).join("\n")).toContain("All arms together range over 3.9 times the FLOPs")
  expect(caption(aRun()).join("\n")).toContain("All arms cost the same compute.")
  expect(caption({ ...run, rows: run.rows.filter(({ role }) => role !== "arm") }).join("\n")).not.toContain("NaN")
})

test("tables fit the terminal: fewer columns, no broken line; rows other than arms are in brackets; missing rows are named with the command that continues", () => {
  const lines = renderTable(run).split("\n")
  for (const columns of [60, 80, 120]) {
    const text = renderTable(run, columns)
    // Sentences of others, such as an error, are as long as they are.
    const [tables] = text.split("Missing (1)")
    for (const line of tables!.split("\n")) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns)
    const [, greedy, expected] = lines.find((line) => line.startsWith("adaspec "))!.split(/ {2,}/)
    expect(text).toContain(`  ${greedy}  ${expected}  `)
    expect(text).toContain(`not shown at ${columns} columns: `)
  }
  for (const name of ["start", "reference", "capacity", "capacity, half"])
    expect(lines.filter((line) => line.startsWith(`(${name})`)).length).toBe(2)
  const at = lines.indexOf("Missing (1), and why:")
  expect(lines[at + 1]).toBe(
    '  bottom, seed 4, at "arm bottom, seed 4": the loss is NaN at step 212, batch 3; the last good checkpoint is of step 200',
  )
  expect(lines[at + 2]).toEndWith("bun run experiment 004-compute-matched/arithmetic")
  expect(renderTable(aRun())).not.toContain("Missing")
})

test("the caption says what an interval of few seeds is", () => {
  expect(caption(aRun({ seeds: 1 })).join("\n")).toContain(
    "under this one seed and target: nothing is said of other seeds",
  )
  expect(caption(aRun({ seeds: 2 })).join("\n")).toContain("Two seeds: no comparison and no interval")
  expect(caption(aRun({ seeds: 3 })).join("\n")).toContain("3 seeds hardly show how far seeds differ")
  expect(caption(aRun({ seeds: 5 })).join("\n")).not.toContain("hardly")
})

test("the caption counts the prompts that were timed, and says when texts differed", () => {
  const line = (timing: Parameters<typeof aRun>[0]) => caption(aRun(timing)).find((l) => l.startsWith("Speed-up"))!
  expect(line({ timing: { prompts: 9, identical: 9, speedupByRound: [1.4, 1.5, 1.6] } })).toBe(
    "Speed-up: wall time, greedy, gamma = 4, 9 prompts, median of 3 rounds after an untimed one, batch 1, this machine.",
  )
  const odd = { prompts: 9, identical: 7, differences: [{ margin: 1e-6 }, { margin: 1e-5 }] }
  expect(line({ timing: odd })).toContain("the text of up to 2 of them was not the target's own")
  expect(line({ timing: { prompts: 9, identical: 9, load: 1 } })).not.toContain("Busy")
  expect(line({ timing: { prompts: 9, identical: 9, load: 2.2 } })).toContain(
    "Busy: load up to 2.2 on 2 cores in the minute before, this run's own work included",
  )
})

test("paths are cut inside, so that both ends tell them apart, and keep their least width before other words", () => {
  const path = "arms.all-equal-compute.optimizer.warmup"
  const rows = [
    ["path", "A"],
    [path, "a value of many words"],
  ]
  const options = { drop: [], least: (column: number) => (column === 0 ? 24 : 6), inside: new Set([0]) }
  const cut = (width: number) => fitRows(rows, new Set([0, 1]), width, options).rows[1]
  expect(cut(47)).toEqual(["arms.all-equ…izer.warmup", "a value of many words"])
  expect(cut(32)).toEqual(["arms.all-equ…izer.warmup", "a val…"])
})
