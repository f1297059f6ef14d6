import { expect, test } from "bun:test"
import { compareRuns } from "./compare.ts"
import { earlierTable } from "./earlier-table.ts"
import { renderRuns } from "./list.ts"
import type { WrittenRun } from "./read-run.ts"
import { renderComparison } from "./render-comparison.ts"
import { renderAttempts, renderRun } from "./show.ts"

const interval = (value: number, half: number) => ({ value, low: value - half, high: value + half })
const aRow = (name: string, greedy: number, more: object = {}) => ({
  name,
  role: "arm",
  greedyAcceptance: interval(greedy, 0.01),
  expectedAcceptance: interval(0.5, 0.02),
  tau: interval(2, 0.1),
  ...more,
})
const written = (more: Partial<WrittenRun> = {}): WrittenRun => ({
  schema: 1,
  experiment: "000-tiny",
  question: "Does it run?",
  run: "aaaaaaaaaa",
  created: "2026-01-01T00:00:00.000Z",
  config: {
    task: { name: "echo", options: { letters: 12 } },
    seeds: [1, 2],
    arms: { behind: { filter: { name: "behind", options: { k: 0.4 } }, steps: 6 } },
  },
  seeds: [1, 2],
  commit: { hash: "0123456789abcdef", dirty: true },
  versions: { bun: "1.4.5" },
  machine: { cpu: "c", cores: 2 },
  study: "distillation",
  data: { dataset: "echo/test", prompts: 10 },
  tables: [earlierTable([aRow("all", 0.6), aRow("behind", 0.65, { draftKl: interval(0.3, 0.1) })], 4)],
  stages: [{ kind: "rollouts", label: "r", key: "k1" }],
  ...more,
})

test("settings are compared path by path, figures arm by arm; those beyond both intervals are marked", () => {
  const a = written()
  const b = written({
    config: {
      task: { name: "echo", options: { letters: 12 } },
      seeds: [1, 2, 3],
      arms: { behind: { filter: { name: "behind", options: { k: 0.3 } }, steps: 6 } },
    },
    machine: { cpu: "d", cores: 2 },
    tables: [earlierTable([aRow("behind", 0.7), aRow("all", 0.615), aRow("more", 0.1)], 4)],
  })
  const found = compareRuns(a, b)
  expect(found.config).toEqual([
    { path: "seeds", a: "[1,2]", b: "[1,2,3]" },
    { path: "arms.behind.filter.k", a: 0.4, b: 0.3 },
  ])
  expect(found.madeBy).toEqual([{ path: "machine.cpu", a: "c", b: "d" }])
  const greedy = found.figures.filter(({ column }) => column.key === "greedyAcceptance")
  expect(greedy.map(({ row, apart }) => [row, apart])).toEqual([
    ["all", false], // 0.015 apart, each with an uncertainty of 0.01.
    ["behind", true],
  ])
  expect(greedy[1]!.difference).toBeCloseTo(0.05, 12)
  const kl = found.figures.find(({ column }) => column.key === "draftKl")
  expect(kl).toMatchObject({ row: "behind", difference: null })
  expect([found.onlyInA, found.onlyInB]).toEqual([[], ["more"]])
  expect(found.data).toEqual({ prompts: "same", rollouts: true, reasons: [] })
  const text = renderComparison(found, a, b)
  expect(text).toMatch(/arms\.behind\.filter\.k +0\.4 +0\.3/)
  expect(text).toMatch(
    /behind +greedy acceptance +65\.0 % \[64\.0, 66\.0\] +70\.0 % \[69\.0, 71\.0\] +\+5\.0 points +\*/,
  )
  expect(text).toContain("Only in B: more.")
})

test("a comparison notes other prompts, and texts of another target", () => {
  const fewer = written({ data: { dataset: "echo/test", prompts: 5 } })
  const others = written({
    config: { task: { name: "echo", options: { letters: 20 } } },
    stages: [{ kind: "rollouts", label: "r", key: "k2" }],
  })
  expect(compareRuns(written(), fewer).data.prompts).toBe("prefix")
  expect(compareRuns(written(), others).data).toEqual({
    prompts: "other",
    rollouts: false,
    reasons: ["task.letters"],
  })
  expect(renderComparison(compareRuns(written(), others), written(), others)).toContain(
    "not the same prompts (A: 10 of echo/test, B: 10 of echo/test; they differ by task.letters)",
  )
})

test("a run of another version is shown as far as it can be read; a list is one line a run", () => {
  const text = renderRun({ directory: "/r", hash: "", written: written(), record: undefined })
  expect(text).toMatch(/version \(run\.json of schema 1\)/)
  expect(text).toMatch(/behind +65\.0 ± 1\.0 +50\.0 ± 2\.0 +2\.00 ± 0\.10 +0\.300/)
  const common = { directory: "/r", commit: written().commit, seeds: [1, 2], limit: null, attempts: [] }
  const entry = { ...common, run: "aaaa", experiment: "000-tiny", part: "echo", when: "", schema: 1 }
  const headline = written().tables[0]!.columns[0]!
  const arms = [{ name: "all", figure: interval(0.6, 0.01) }]
  const lines = renderRuns([
    { ...entry, state: "done", headline, arms },
    { ...entry, state: "running", headline: null, arms: [{ name: "all", figure: null }] },
  ]).split("\n")
  expect(lines[2]).toMatch(
    /^aaaa +000-tiny\/echo +- +0123456\+ +2 +1 +done +greedy acceptance: all 60\.0 % \[59\.0, 61\.0\]$/,
  )
  expect(lines[3]).toMatch(/running +all$/)
  const attempt = { command: ["experiment", "tiny"], pid: 7, began: "", ended: "", message: "loss is NaN" }
  const failed = renderAttempts({
    ...entry,
    schema: null,
    state: "failed",
    headline: null,
    arms,
    attempts: [{ ...attempt, state: "failed" }],
  })
  expect(failed).toMatch(/^000-tiny\/echo aaaa is failed and has no record yet/)
  expect(failed).toMatch(/failed +7 +experiment tiny +loss is NaN$/)
  const narrow = renderRuns([{ ...entry, state: "done", headline, arms }], 40).split("\n")
  expect(narrow.length).toBe(3)
  for (const line of narrow) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(40)
})

test("two seeds show no interval, and no figure is marked as different", () => {
  const of = (value: number, seeds: number) =>
    aRow("all", value, { greedyAcceptance: { ...interval(value, 0.01), seeds } })
  const tables = (value: number, seeds: number) => ({ tables: [earlierTable([of(value, seeds)], 4)] })
  const [two, five] = [written(tables(0.6, 2)), written(tables(0.9, 5))]
  const text = renderComparison(compareRuns(two, five), two, five)
  expect(text).toMatch(/greedy acceptance +60\.0 % +90\.0 % \[89\.0, 91\.0\] +\+30\.0 points *$/m)
  expect(text).toContain("Two seeds: no comparison, no interval.")
  const other = written(tables(0.6, 3))
  expect(renderComparison(compareRuns(other, five), other, five)).toMatch(
    /60\.0 % \[59\.0, 61\.0\] .*\+30\.0 points +\*/,
  )
})
