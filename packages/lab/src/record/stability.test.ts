/** Tables of stability, by hand. */
import { expect, test } from "bun:test"
import type { ProbePoint } from "@winnow/training"
import { stabilityPlots } from "../report/charts/stability.ts"
import type { StudyTable, TableFigure } from "../study/table.ts"
import { agreementOf, type ProbedArm, tablesOf } from "./stability.ts"

const point = (step: number, kept: string, score?: ReadonlyArray<number>): ProbePoint => ({
  step,
  kept_N: Uint8Array.from(kept, Number),
  score_N: score && Float32Array.from(score),
  seconds: 0,
})
const arm = (name: string, ...seeds: ReadonlyArray<ReadonlyArray<ProbePoint>>): ProbedArm => ({
  name,
  steps: 10,
  bySeed: new Map(seeds.map((points, i) => [i + 1, points])),
})

/** Two seeds of an arm of 10 steps, four tokens. */
const ranked = arm(
  "ranked",
  [point(0, "1111", [0, 0, 0, 0]), point(5, "1100", [4, 3, 2, 1]), point(10, "0110", [1, 4, 3, 2])],
  [point(0, "1100", [4, 3, 2, 1]), point(5, "1100", [4, 3, 2, 1]), point(10, "0011", [-1, -2, 4, 3])],
)
const unranked = arm("unranked", [point(0, "1010"), point(10, "0110")], [point(0, "1010"), point(10, "1010")])

const tables = tablesOf([ranked, unranked])
const cell = (table: string, row: string, column: string) =>
  tables.find(({ name }) => name === table)!.rows.find(({ name }) => name === row)!.cells[column] as TableFigure | null

test("overlap, chance and rho of two points, by hand", () => {
  const [a, b] = [ranked.bySeed.get(1)!.at(-1)!, ranked.bySeed.get(2)!.at(-1)!]
  // 0110 and 0011: one of three. Chance: 2 x 2 / 4 = 1 of 3. Ranks 1 4 3 2 and 2 1 4 3: d^2 is 1 9 1 1.
  const agreement = agreementOf(a, b)!
  expect([agreement.overlap, agreement.chance]).toEqual([1 / 3, 1 / 3])
  expect(agreement.rho).toBeCloseTo(1 - (6 * 12) / (4 * 15), 12)
  expect(agreementOf(a, point(10, "01101"))).toBeUndefined()
  expect(agreementOf(a, point(10, "0110"))!.rho).toBeNaN()
})

test("between seeds: all pairs after the last step; a filter without scores has no rho", () => {
  expect(cell("stability-seeds", "ranked", "overlap")).toEqual({ value: 1 / 3, low: 1 / 3, high: 1 / 3 })
  expect(cell("stability-seeds", "ranked", "kept")!.value).toBe(0.5)
  expect(cell("stability-seeds", "unranked", "overlap")!.value).toBe(1 / 3)
  expect(cell("stability-seeds", "unranked", "rho")).toBe(null)
  const one = tablesOf([arm("one", ranked.bySeed.get(1)!)])[0]!.rows[0]!.cells
  expect([one["overlap"], (one["kept"] as TableFigure).value]).toEqual([null, 0.5])
})

test("between steps: those that follow each other, and the first with the last", () => {
  // Seed 1: 1111 -> 1100 is 2 of 4, 1100 -> 0110 is 1 of 3. Seed 2: the same set, then nothing in common.
  const next = cell("stability-steps", "ranked", "next")!
  expect(next.value).toBeCloseTo((1 / 2 + 1 / 3 + 1 + 0) / 4, 12)
  expect([next.low, next.high]).toEqual([0, 1])
  // Seed 1: 1111 and 0110; seed 2: 1100 and 0011.
  expect(cell("stability-steps", "ranked", "drift")).toEqual({ value: 0.25, low: 0, high: 0.5 })
  // Equal scores rank nothing, so rho is that of seed 2: ranks 4 3 2 1 and 2 1 4 3.
  expect(cell("stability-steps", "ranked", "rho")!.value).toBeCloseTo(1 - (6 * (4 + 4 + 4 + 4)) / (4 * 15), 12)
  // Chance of the first and the last: 4 x 2 / 4 of 4, and 1 of 3.
  expect(cell("stability-steps", "ranked", "chance")!.value).toBeCloseTo((1 / 2 + 1 / 3) / 2, 12)
})

test("between arms: the same seed after the last step; a seed that one arm lacks counts for nothing", () => {
  // Seed 1: 0110 and 0110; seed 2: 0011 and 1010.
  expect(cell("stability-arms", "ranked / unranked", "overlap")).toEqual({ value: 2 / 3, low: 1 / 3, high: 1 })
  const [, , pairs] = tablesOf([ranked, arm("unranked", unranked.bySeed.get(1)!)])
  expect((pairs!.rows[0]!.cells["overlap"] as TableFigure).value).toBe(1)
  const other = tablesOf([ranked, arm("longer", [point(10, "01101")])])[2]!.rows[0]!.cells
  expect([other["overlap"], other["rho"]]).toEqual([null, null])
})

test("over the training: a row for each step, with the part of scores above 0", () => {
  const course = tables.find(({ name }) => name === "stability-course")!
  expect(course.rows.map(({ name }) => name)).toEqual([
    "ranked 0",
    "ranked 5",
    "ranked 10",
    "unranked 0",
    "unranked 10",
  ])
  const at = (row: string, column: string) => cell("stability-course", row, column)?.value
  expect([at("ranked 0", "part"), at("ranked 5", "part"), at("unranked 10", "part")]).toEqual([0, 0.5, 1])
  expect([at("ranked 0", "seeds"), at("ranked 5", "seeds")]).toEqual([0.5, 1])
  expect(at("ranked 5", "last")).toBeCloseTo((1 / 3 + 0) / 2, 12)
  expect(at("ranked 10", "last")).toBe(1)
  expect([at("ranked 0", "above"), at("ranked 10", "above")]).toEqual([0.5, 0.75])
  expect(at("unranked 0", "above")).toBeUndefined()
})

test("without a record there is no table, and no chart", () => {
  expect(tablesOf([])).toEqual([])
  const run = { rows: [{ name: "ranked", role: "arm" as const }] }
  expect(stabilityPlots(run, undefined)).toEqual([])
  expect(stabilityPlots(run, tables).length).toBe(2)
  const once: ReadonlyArray<StudyTable> = tablesOf([arm("ranked", [point(10, "10")], [point(10, "10")])])
  expect(stabilityPlots(run, once)).toEqual([])
})

test("the kept share of tokens of corrupted answers stands beside that of all tokens, where there are such tokens", () => {
  const [seeds, , , course] = tablesOf([{ ...ranked, corrupted_N: Uint8Array.of(0, 0, 1, 1) }, unranked])
  // Of the last two tokens the seeds keep one and two at the end, none of them in the middle of the training.
  expect(seeds!.rows[0]!.cells["noise"]).toEqual({ value: 0.75, low: 0.5, high: 1 })
  expect(seeds!.rows[1]!.cells["noise"] ?? null).toBe(null)
  expect(course!.rows.map(({ name, cells }) => [name, (cells["noise"] as TableFigure | undefined)?.value])).toEqual([
    ["ranked 0", 0.5],
    ["ranked 5", 0],
    ["ranked 10", 0.75],
    ["unranked 0", undefined],
    ["unranked 10", undefined],
  ])
  expect([seeds, course].map((table) => table!.columns.some(({ key }) => key === "noise"))).toEqual([true, true])
  expect(tables.flatMap(({ columns }) => columns).some(({ key }) => key === "noise")).toBe(false)
})
