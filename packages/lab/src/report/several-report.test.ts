/** Reports of several runs, and the home page. */
import { expect, test } from "bun:test"
import { aComparison, aRun } from "../../test/record.ts"
import type { RunRecord } from "../record/schema.ts"
import type { RunEntry } from "../runs/entry.ts"
import { plotsIn, tablesIn } from "./document.ts"
import { renderHome } from "./home.ts"
import { renderPage } from "./page.ts"
import { overRunsRecord, severalReport } from "./several-report.ts"

const first: RunRecord = { ...aComparison({ prompts: 20 }), run: "aaaa111111", part: "arithmetic" }
const second: RunRecord = { ...aComparison({ prompts: 30 }), run: "bbbb222222", part: "gsm8k", config: { steps: 2 } }
const runs = [first, second].map((record) => ({ record, folder: `../${record.run}` }))

test("several runs stand side by side: verdicts, each pair of arms that several compare, arms, settings", async () => {
  const report = severalReport(runs)
  const [plot] = plotsIn(report)
  const pairs = new Set(plot!.data.map(({ under }) => under))
  expect(pairs).toEqual(
    new Set(first.rows.filter(({ role, name }) => role === "arm" && name !== "adaspec").map(({ name }) => name)),
  )
  expect(plot!.data.filter(({ run }) => run === "gsm8k").length).toBe(pairs.size)
  const row = plot!.data.find(({ run, under }) => run === "gsm8k" && under === "random")!
  const difference = second.differences.find(
    ({ a, b, measure }) => a === "adaspec" && b === "random" && measure === "greedyAcceptance",
  )!
  expect([row["value"], row["low"], row["high"]]).toEqual([difference.value, difference.low, difference.high])
  const [arms, settings] = tablesIn(report)
  expect(arms!.columns.map(({ head }) => head)).toEqual(["arithmetic", "gsm8k"])
  expect(arms!.rows.find(({ name }) => name === "adaspec")!.cells["run-1"]).toMatchObject({
    value: second.rows.find(({ name }) => name === "adaspec")!.greedyAcceptance.value,
  })
  expect(settings!.rows).toEqual([{ name: "steps", context: false, cells: { "run-0": "-", "run-1": "2" } }])
  expect(report.verdict[0]).toMatch(/^adaspec minus all-equal-steps, greedy acceptance: .* of 2 runs\.$/)
  const html = await renderPage(report, { docs: null })
  for (const { folder, record } of runs) {
    expect(html).toContain(`<a href="${folder}/report.html">${record.part}</a>`)
    expect(html).toContain(record.verdict.replace("Verdict: ", ""))
  }
})

test("runs that share no comparison still have their verdicts and arms", async () => {
  const report = severalReport([runs[0]!, { record: aRun(), folder: "one" }])
  expect(plotsIn(report)).toEqual([])
  expect(tablesIn(report)[0]!.rows.map(({ name }) => name)).toContain("all")
  expect(await renderPage(report, { docs: null })).toContain("No verdict: ")
})

test("the home page has each experiment with its runs, also those without a record", () => {
  const entry = (record: RunRecord, more: Partial<RunEntry> = {}): RunEntry => ({
    ...{
      directory: "",
      run: record.run,
      experiment: record.experiment,
      part: record.part,
      seeds: record.seeds,
      limit: null,
    },
    ...{ commit: null, state: "done", when: record.created, headline: null, arms: [], schema: 3, attempts: [] },
    ...more,
  })
  const html = renderHome({
    runs: [
      { entry: entry(first), record: first, folder: "004/a" },
      { entry: entry(second, { state: "failed", schema: null }), record: undefined, folder: "004/b" },
    ],
    readmes: new Map([[first.experiment, "../experiments/004-compute-matched/README.md"]]),
    benchmarks: ["benchmarks/2026-01-01-step.json"],
  })
  expect(html.match(/class="experiment"/g)!.length).toBe(1)
  expect(html).toContain('<a href="004/a/report.html">arithmetic</a>')
  expect(html).not.toContain("004/b/report.html")
  expect(html).toContain(", failed")
  expect(html).toContain('<a href="../experiments/004-compute-matched/README.md">')
  expect(html).toContain(">2026-01-01-step.json</a>")
  const { value, low, high } = first.differences.find(
    ({ a, b, measure }) => a === "all-equal-steps" && b === "adaspec" && measure === "greedyAcceptance",
  )!
  const points = [value!, high!, low!].map((x) => (x > 0 ? "-" : "+") + Math.abs(100 * x).toFixed(1))
  expect(html).toContain(`${points[0]} [${points[1]}, ${points[2]}]`)
  // An interval beyond the scale has an arrow at its end, which its point leaves in sight.
  const arrow = Number(/<path d="M(\d+) 4 /.exec(html)![1])
  expect([6, 144]).toContain(arrow)
  expect(html).toMatch(new RegExp(`<line x[12]="${arrow}"|" x2="${arrow}"`))
  expect(Math.abs(Number(/<circle cx="([\d.]+)"/.exec(html)![1]) - arrow)).toBeGreaterThan(3.5)
})

test("three runs have a table of means over runs; two have none", async () => {
  expect(tablesIn(severalReport(runs)).map(({ name }) => name)).not.toContain("over-runs")
  const config = { task: "t", measure: "m" }
  const at = (run: string, by: number): RunRecord => {
    const record = aComparison({ prompts: 20 })
    const moved = record.differences.map((d) => ({ ...d, value: d.value === null ? null : d.value + by }))
    return { ...record, run, part: run, differences: moved, config: { ...config, target: run } }
  }
  const three = [at("aaaa11", 0), at("bbbb22", 0.01), at("cccc33", 0.02)].map((record) => ({
    record,
    folder: record.run,
  }))
  const report = severalReport(three)
  const table = tablesIn(report).find(({ name }) => name === "over-runs")!
  expect(table.title).toBe("Differences over 3 targets")
  const row = table.rows.find(({ name }) => name === "adaspec minus random, greedy")!
  const { value } = three[1]!.record.differences.find(
    ({ a, b, measure }) => a === "adaspec" && b === "random" && measure === "greedyAcceptance",
  )!
  const mean = row.cells["mean"] as { value: number; low: number; high: number }
  expect(mean.value).toBeCloseTo(100 * value!, 10)
  // Differences of 1 point between neighbours: a standard deviation of 1, with two degrees of freedom.
  expect(mean.high - mean.value).toBeGreaterThanOrEqual(4.3026 / Math.sqrt(3))
  expect(row.cells["found"]).toBe(mean.low > 0 ? "ahead" : "-")
  expect(row.cells["lowest"]).toEqual({ value: expect.closeTo(100 * (value! - 0.01), 10) })
  expect(overRunsRecord(three)).toMatchObject({ runs: [{ run: "aaaa11" }, {}, {}], tables: [{ name: "over-runs" }] })
  expect(await renderPage(report, { docs: null })).toContain("Differences over 3 targets")
  // Another task of one run: prompts of its own, and runs that are no longer targets of one kind.
  const other = [
    three[0]!,
    three[1]!,
    { ...three[2]!, record: { ...three[2]!.record, config: { ...config, task: "u" } } },
  ]
  expect(tablesIn(severalReport(other)).find(({ name }) => name === "over-runs")!.title).toBe("Differences over 3 runs")
})
