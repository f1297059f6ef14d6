import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { aRun } from "../../test/record.ts"
import { houseRoot } from "../store/code/house.ts"
import { parseTables } from "../study/record.ts"
import { renderTable } from "../table.ts"
import { mainArm } from "./comparisons.ts"
import { conclusions } from "./conclusions.ts"
import { parseRecord } from "./read.ts"

const jsonOf = (run: string) => JSON.parse(readFileSync(join(houseRoot, run), "utf8"))
/** The committed distillations; `parseTables` reads the drafts of other studies. */
const runs = [...new Bun.Glob("results/0*/*/run.json").scanSync(houseRoot)]
  .filter((run) => jsonOf(run).study === undefined)
  .toSorted()

test("every committed record is read, with the arm that it is about", () => {
  expect(runs.length).toBeGreaterThan(3)
  for (const run of runs) {
    const json = jsonOf(run)
    const about = json.about ?? "adaspec" // earlier versions did not write it
    const record = parseRecord(json)
    expect(record === undefined ? run : record.schema).toBe(3)
    expect([run, mainArm(record!)?.name]).toEqual([run, about])
    expect(renderTable(record!)).toContain(about)
    expect(conclusions(record!)[0]).toStartWith(`Verdict: ${about} minus `)
  }
})

test("a committed search for learning rates is read as a search for settings, and says the same", () => {
  const searched = runs.map(jsonOf).filter(({ tuning }) => tuning)
  expect(searched.length).toBeGreaterThan(3)
  for (const json of searched) {
    const { sweep, ...record } = parseRecord(json)!
    expect(sweep!.over).toEqual({ "optimizer.learningRate": json.tuning.learningRates })
    expect(sweep!.flops).toBe(json.tuning.flops)
    for (const [i, { name, tried, chosen, atEdge }] of json.tuning.arms.entries()) {
      const found = sweep!.arms[i]!
      expect([found.name, found.chosen["optimizer.learningRate"], found.edges.length > 0]).toEqual([
        name,
        chosen,
        atEdge,
      ])
      expect(found.tried.map(({ score }) => score)).toEqual(
        tried.map(({ greedyAcceptance }: { greedyAcceptance: number | null }) => greedyAcceptance),
      )
    }
    const sentence = (all: ReadonlyArray<string>) => all.find((text) => text.startsWith("Learning rates"))
    expect(sentence(conclusions({ ...record, sweep }))).toBe(sentence(json.conclusions)!)
  }
})

test("a record of another schema, or with rows that are none, is not read", () => {
  const json = jsonOf(runs[0]!)
  for (const schema of [1, 2, 5]) expect(parseRecord({ ...json, schema })).toBeUndefined()
  expect(parseRecord({ ...json, rows: [{ name: "x" }] })).toBeUndefined()
  expect(parseRecord(null)).toBeUndefined()
})

test("every committed study is read, the drafts in it too where it measures acceptance", () => {
  const studies = [...new Bun.Glob("results/0*/*/run.json").scanSync(houseRoot)]
    .map(jsonOf)
    .filter(({ study }) => study)
  expect(studies.length).toBeGreaterThan(0)
  for (const json of studies)
    expect(parseTables(json)).toMatchObject(
      "arms" in json ? { schema: 4, arms: {} } : { schema: 4, drafts: { schema: 3 } },
    )
})

test("a record without figures at its own draft length is none: its tables could not be written", () => {
  const run = aRun()
  expect(parseRecord(run)).toEqual(run)
  expect(parseRecord({ ...run, conditions: { ...run.conditions, gamma: 3 } })).toBeUndefined()
})
