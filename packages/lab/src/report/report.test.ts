import { expect, test } from "bun:test"
import { aComparison, aRun } from "../../test/record.ts"
import { armsRun } from "../record/comparisons.ts"
import { differencesChart } from "./charts/differences.ts"
import { renderReport } from "./report.ts"
import { asDrawn } from "./two-seeds.ts"

const run = aComparison({ prompts: 20 })

const steps = (arm: string, seed: number) =>
  Array.from({ length: 40 }, (_, i) => ({ _tag: "step", arm, seed, step: i + 1, loss: 2 / (i + 1), keptFraction: 0.4 }))

test("the report of a comparison has its conclusions, every chart and the missing drafts in one file", async () => {
  const named = { ...run, question: "Is a < b & c?" }
  const html = await renderReport(named, steps("adaspec", 1))
  for (const text of run.conclusions) expect(html).toContain(text)
  for (const title of [
    "Differences of greedy acceptance.",
    "Greedy acceptance by arm.",
    "Greedy acceptance against compute.",
    "By place in a block.",
    "At tokens that the filter keeps, and drops.",
    "Tokens per target call, greedy.",
    "Tokens per target call, sampled.",
    "Learning rates.",
    "How low a draft of this size comes.",
    "Loss by arm, each seed a line.",
    "Kept fraction.",
  ])
    expect(html).toContain(title)
  expect(html.match(/<svg/g)!.length).toBe(11)
  expect(html).toContain("Where the time goes")
  for (const figure of ["1000 [1000, 1000]", "12000 [12000, 12000]", "1.60 [1.60, 1.60]", "1.40 [1.40, 1.40]"])
    expect(html).toContain(figure)
  expect(html).toContain("the loss is NaN at step 212")
  expect(html).toContain("Is a &lt; b &amp; c?")
  expect(html).not.toMatch(/(src|href)=/) // needs nothing else
  expect(html).not.toContain("NaN</text>")
})

test("a run of one arm has no comparison, no search and no capacity, and no empty chart of them", async () => {
  const html = await renderReport(aRun(), [])
  for (const title of [
    "Differences of greedy",
    "Learning rates.",
    "How low a draft",
    "At tokens that the filter",
    "Missing (",
  ])
    expect(html).not.toContain(title)
  expect(html).toContain("Greedy acceptance against compute.")
})

test("the forest plot has each comparison once, and ends that could not be computed leave their row out", () => {
  interface Panel {
    readonly title: string
    readonly data: { readonly values: ReadonlyArray<{ name: string; low: number; lowAll: number; shown: string }> }
  }
  const panels = (of: typeof run) =>
    (differencesChart(armsRun(of)) as unknown as { vconcat: ReadonlyArray<Panel> }).vconcat
  const [first, second] = panels(run)
  expect(first!.title).toBe("adaspec minus each other arm")
  expect(first!.data.values.map(({ name }) => name)).toEqual([
    "all-equal-steps",
    "all-equal-passes",
    "all-equal-compute",
    "random",
    "bottom",
    "shuffled-reference",
    "from-reference",
  ])
  expect(second!.data.values.some(({ name }) => name === "adaspec")).toBe(false)
  expect(second!.data.values.length).toBe(6)
  for (const row of [...first!.data.values, ...second!.data.values]) expect(row.lowAll).toBeLessThan(row.low)
  const without = {
    ...run,
    differences: run.differences.map((d) => (d.b === "bottom" ? { ...d, low: null, high: null, errors: null } : d)),
  }
  expect(panels(without)[0]!.data.values.some(({ name }) => name === "bottom")).toBe(false)
  expect(differencesChart(armsRun(aRun()))).toBeUndefined()
})

test("of two seeds no interval is drawn, and no forest plot: figures are points", async () => {
  const two = aComparison({ seeds: 2, prompts: 20 })
  expect(differencesChart(armsRun(two))).toBeUndefined()
  const html = await renderReport(two, [])
  expect(html).toContain("two seeds: no comparison")
  expect(html).not.toContain("Differences of greedy acceptance.")
  for (const row of asDrawn(two).rows.filter(({ seeds }) => seeds.length === 2))
    for (const { value, low, high } of [row.greedyAcceptance, row.byPosition[0]!.acceptance])
      expect([low, high]).toEqual([value, value])
  expect(asDrawn(run)).toEqual(run)
})

test("the report begins with the verdict", async () => {
  const html = await renderReport(run, [])
  expect(html.indexOf('class="verdict"')).toBeLessThan(html.indexOf("<svg"))
  expect(html).toContain(run.verdict)
})

test("the report has the command that takes each draft along, and the target", async () => {
  const html = await renderReport(run, [])
  const lines = /Take a model along.*?<pre>(.*?)<\/pre>/s.exec(html)![1]!.split("\n")
  const command = (name: string) => `bun run winnow export ${run.run} ${name}`
  expect(lines.map((line) => line.split(" --")[0]!)).toEqual([
    ...run.rows.map(({ name }) => command(name.includes(" ") ? `'${name}'` : name)),
    command("target"),
  ])
  expect(lines[1]).toEndWith("all-equal-steps --seed 1 --to DIR   # or seed 2, 3, 4, 5")
})
