import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { inSchema2 } from "../../test/schema-2.ts"
import { renderReport } from "../report/report.ts"
import { houseRoot } from "../store/code/house.ts"
import { renderTable } from "../table.ts"
import { mainArm } from "./comparisons.ts"
import { conclusions } from "./conclusions.ts"
import { parseRecord } from "./read.ts"

const runs = [...new Bun.Glob("results/0*/*/run.json").scanSync(houseRoot)].toSorted()
const jsonOf = (run: string) => JSON.parse(readFileSync(join(houseRoot, run), "utf8"))

test("every committed record is read, with the arm that it is about", () => {
  expect(runs.length).toBeGreaterThan(3)
  for (const run of runs) {
    const record = parseRecord(jsonOf(run))
    expect(record === undefined ? run : record.schema).toBe(3)
    expect([run, mainArm(record!)?.name]).toEqual([run, "adaspec"])
    expect(renderTable(record!)).toContain("adaspec")
    expect(conclusions(record!)[0]).toStartWith("Verdict: adaspec minus ")
  }
})

test("a record of schema 2 is brought into the form of schema 3: figures as they were, what it lacks null or empty", async () => {
  const old = runs.map(jsonOf).find(({ schema }) => schema === 2) ?? inSchema2(jsonOf(runs[0]!))
  const record = parseRecord(old)!
  expect(record.rows.map(({ tau }) => tau.value)).toEqual(
    old.rows.map((row: { tau: { value: number } }) => row.tau.value),
  )
  const [first] = record.differences
  expect(first).toMatchObject({ ...old.differences[0], errors: { ...old.differences[0].errors, noise: 0 }, cut: false })
  expect(record).toMatchObject({ counts: null, weights: [], primary: "greedy", verdict: old.conclusions[0] })
  expect(record.rows.every(({ budget }) => budget.every(({ arm }) => arm.passes === null))).toBe(true)
  expect(record.stages.every(({ commit, code }) => commit === null && code === null)).toBe(true)
  expect(await renderReport(record, [])).toContain(record.question)
  expect(parseRecord({ ...old, schema: 1 })).toBeUndefined()
  expect(parseRecord({ ...old, rows: [{ name: "x" }] })).toBeUndefined()
  expect(parseRecord(null)).toBeUndefined()
})
