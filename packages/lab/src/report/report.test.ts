import { expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { aComparison, aRun } from "../../test/record.ts"
import { armsRun } from "../record/comparisons.ts"
import { houseRoot } from "../store/code/house.ts"
import { differencesPlot, forestDomain, forestPanels } from "./charts/differences.ts"
import { keptFractionPlot } from "./charts/training.ts"
import { columnPages } from "./column-words.ts"
import { widths } from "./plot.ts"
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
  ])
    expect(html).toContain(title)
  // Each for a wide page and for a phone; a kept fraction that never changes has none.
  expect(html.match(/<svg/g)!.length).toBe(2 * 10)
  expect(html).not.toContain("Kept fraction.")
  expect(html).toContain("Where the time goes")
  for (const figure of ["1000 [1000, 1000]", "12000 [12000, 12000]", "1.60 [1.60, 1.60]", "1.40 [1.40, 1.40]"])
    expect(html).toContain(figure)
  expect(html).toContain("the loss is NaN at step 212")
  expect(html).toContain("Is a &lt; b &amp; c?")
  // It needs nothing else: links lead to itself and to the files beside it.
  const links = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, to]) => to!).filter((to) => !to.startsWith("#"))
  expect(links.toSorted()).toEqual(["metrics.jsonl", "run.json", "tokens.html"])
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
  const [first, second] = forestPanels(armsRun(run))
  expect(first!.title).toBe("adaspec minus each other arm")
  expect(first!.rows.map(({ name }) => name)).toEqual([
    "all-equal-steps",
    "all-equal-passes",
    "all-equal-compute",
    "random",
    "bottom",
    "shuffled-reference",
    "from-reference",
  ])
  expect(second!.rows.some(({ name }) => name === "adaspec")).toBe(false)
  expect(second!.rows.length).toBe(6)
  for (const row of [...first!.rows, ...second!.rows]) expect(row.lowAll).toBeLessThan(row.low)
  const without = {
    ...run,
    differences: run.differences.map((d) => (d.b === "bottom" ? { ...d, low: null, high: null, errors: null } : d)),
  }
  expect(forestPanels(armsRun(without))[0]!.rows.some(({ name }) => name === "bottom")).toBe(false)
  expect(differencesPlot(armsRun(aRun()))).toBeUndefined()
})

test("the forest plot has the scale of the 95 % intervals; ends beyond it are arrows, and nothing is impossible", () => {
  interface Panel {
    readonly data: {
      readonly values: ReadonlyArray<Record<"lowAll" | "highAll" | "least" | "most", number> & { goesRight: boolean }>
    }
  }
  const few = armsRun(aComparison({ seeds: 3, prompts: 20 }))
  const panels = forestPanels(few)
  const rows = panels.flatMap((panel) => panel.rows)
  const [least, most] = forestDomain(panels, "%")
  const [low, high] = [Math.min(0, ...rows.map((r) => r.low)), Math.max(0, ...rows.map((r) => r.high))]
  expect(least).toBeGreaterThanOrEqual(-1)
  expect(most).toBeLessThanOrEqual(1)
  expect(most - least).toBeLessThan(1.2 * (high - low))
  // Widened so that all hold together, intervals of three seeds reach far beyond.
  expect(Math.max(...rows.map((r) => r.highAll))).toBeGreaterThan(most)
  for (const width of [widths.whole, widths.narrow]) {
    const drawn = (differencesPlot(few)!.draw(width) as unknown as { vconcat: ReadonlyArray<Panel> }).vconcat
    const values = drawn.flatMap(({ data }) => data.values)
    expect(values.some(({ goesRight }) => goesRight)).toBe(true)
    for (const row of values) {
      expect(row.highAll).toBeLessThanOrEqual(most)
      expect(row.lowAll).toBeGreaterThanOrEqual(least)
    }
  }
  const wild = [{ title: "", rows: [{ ...rows[0]!, low: -3, high: 3, lowAll: -9, highAll: 9 }] }]
  expect(forestDomain(wild, "%")).toEqual([-1, 1])
  expect(forestDomain(wild, "nats")[0]).toBeLessThan(-3)
})

test("a kept fraction is drawn of arms whose fraction changes, and of no other", () => {
  const changing = (arm: string, seed: number) =>
    steps(arm, seed).map((line) => ({ ...line, keptFraction: 0.2 + 0.01 * line.step }))
  const plot = keptFractionPlot(run, [...steps("random", 1), ...changing("adaspec", 1)])
  expect([...new Set(plot!.data.map(({ arm }) => arm))]).toEqual(["adaspec"])
  expect(keptFractionPlot(run, steps("random", 1))).toBeUndefined()
})

test("words on columns lead to headings of the docs that are there", () => {
  const anchors = (page: string) =>
    [...readFileSync(join(houseRoot, "docs", page), "utf8").matchAll(/^#+ (.*?)(?: <!--.*)?$/gm)].map(([, title]) =>
      title!
        .toLowerCase()
        .replace(/[^\w -]/g, "")
        .replaceAll(" ", "-"),
    )
  for (const at of columnPages) {
    const [page, anchor] = at.split("#")
    expect([at, existsSync(join(houseRoot, "docs", page!))]).toEqual([at, true])
    if (anchor !== undefined) expect(anchors(page!)).toContain(anchor)
  }
})

test("of two seeds no interval is drawn, and no forest plot: figures are points", async () => {
  const two = aComparison({ seeds: 2, prompts: 20 })
  expect(differencesPlot(armsRun(two))).toBeUndefined()
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

test("the report has the command that takes each draft along, and the target; names of rows lead to it", async () => {
  const html = await renderReport(run, [])
  const commands = [...html.matchAll(/<li id="([^"]*)"><code>(bun run winnow export .*?)<\/code>/g)]
  const command = (name: string) => `bun run winnow export ${run.run} ${name}`
  expect(commands.map(([, , text]) => text!.split(" --")[0]!)).toEqual([
    ...run.rows.map(({ name }) => command(name.includes(" ") ? `'${name}'` : name)),
    command("target"),
  ])
  expect(commands[1]![2]).toEndWith("all-equal-steps --seed 1 --to DIR")
  expect(html).toContain("or seed 2, 3, 4, 5")
  for (const [, id] of commands.slice(0, -1)) expect(html).toContain(`<a href="#${id}">`)
})
