/** Tables and plots as files. */
import { expect, test } from "bun:test"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { aComparison } from "../../../test/record.ts"
import { writtenDistillation } from "../../runs/read-run.ts"
import { acceptanceTable } from "../../table/distillation.ts"
import { browserPath } from "../browser.ts"
import { distillationReport } from "../distillation-report.ts"
import { plotsIn } from "../document.ts"
import { plotCsv, tableCsv } from "./csv.ts"
import { escapeLatex, tableLatex } from "./latex.ts"
import { tableMarkdown } from "./markdown.ts"
import { tableSvg } from "./table-svg.ts"
import { writeFiles } from "./write-files.ts"

const run = aComparison({ prompts: 20 })
const table = acceptanceTable(run)

/** Reads CSV without quotes. */
const parsed = (csv: string) =>
  csv
    .trimEnd()
    .split("\n")
    .map((line) => line.split(","))

test("CSV has every figure in full, with its interval, and an empty field for a missing one", () => {
  const quoted = run.rows.some(({ name }) => name.includes(","))
  expect(quoted).toBe(true)
  expect(tableCsv(table)).toContain('\n"capacity, half",context,')
  const [head, ...rows] = parsed(tableCsv({ ...table, rows: table.rows.filter(({ name }) => !name.includes(",")) }))
  expect(head!.slice(0, 6)).toEqual([
    ...["arm", "role", "greedyAcceptance", "greedyAcceptance_low", "greedyAcceptance_high", "greedyAcceptance_seeds"],
  ])
  const adaspec = rows.find(([name]) => name === "adaspec")!
  const { value, low, high, seeds } = run.rows.find(({ name }) => name === "adaspec")!.greedyAcceptance
  expect(adaspec.slice(1, 6)).toEqual(["row", ...[value, low, high, seeds].map(String)])
  const start = rows.find(([name]) => name === "start")!
  expect([start[1], start[head!.indexOf("speedup")]]).toEqual(["context", ""])
  for (const row of rows) expect(row.length).toBe(head!.length)
})

test("the data of every plot is a table of one row an observation", () => {
  for (const plot of plotsIn(distillationReport(run, []))) {
    const [head, ...rows] = parsed(plotCsv(plot).replaceAll(/"[^"]*"/g, "quoted"))
    expect([plot.name, rows.length]).toEqual([plot.name, plot.data.length])
    for (const row of rows) expect(row.length).toBe(head!.length)
  }
})

test("Markdown and LaTeX have the cells of the table, what would end a cell escaped", () => {
  const named = { ...table, rows: [{ ...table.rows[2]!, name: "a|b_c & 50 % \\x" }] }
  const markdown = tableMarkdown(named, ["Source."])
  expect(markdown).toContain("| a\\|b_c & 50 % \\\\x | ")
  expect(markdown.split("\n")[3]).toMatch(/^\| --- \|( ---: \|)+$/)
  const latex = tableLatex(named, ["Source."])
  expect(latex).toContain("a\\textbar{}b\\_c \\& 50 \\% \\textbackslash{}x & ")
  expect(latex).toContain("% Source.")
  const lines = latex.split("\n")
  const columns = /\\begin\{tabular\}\{(.*)\}/.exec(latex)![1]!.length
  for (const line of lines.filter((line) => line.endsWith("\\\\"))) expect(line.split(/(?<!\\)&/).length).toBe(columns)
  expect(escapeLatex("-1.5 ± 0.2, all-tokens")).toBe("$-$1.5 $\\pm$ 0.2, all-tokens")
})

test("the picture of a table has each cell, within its width", () => {
  const svg = tableSvg(table)
  const width = Number(/width="(\d+)"/.exec(svg)![1])
  const texts = [...svg.matchAll(/<text x="([\d.]+)"[^>]*>([^<]*)<\/text>/g)]
  expect(texts.length).toBe((table.columns.length + 1) * (table.rows.length + 1))
  for (const [, x] of texts) expect(Number(x)).toBeLessThanOrEqual(width)
})

test("a run's tables and plots become a folder of files, whole or not at all", async () => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-files-"))
  try {
    const to = join(folder, "out")
    const file = { directory: folder, hash: "", written: writtenDistillation(run), record: run }
    const chrome = process.env["BUN_CHROME_PATH"]
    process.env["BUN_CHROME_PATH"] = ""
    const written = await Effect.runPromise(writeFiles(file, to))
    expect(readdirSync(to).toSorted()).toEqual([...written.files].toSorted())
    expect(written.tables).toEqual(["trials", "acceptance", "differences", "cost", "time"])
    expect(written.pdf).toBe(false)
    for (const name of written.tables)
      expect(written.files).toEqual(
        expect.arrayContaining(["csv", "md", "tex", "svg"].map((end) => `table-${name}.${end}`)),
      )
    expect(written.plots.length).toBe(10)
    for (const name of written.plots) expect(readFileSync(join(to, `plot-${name}.svg`), "utf8")).toStartWith("<svg ")
    const again = await Effect.runPromise(Effect.flip(writeFiles(file, to)))
    expect(again.message).toContain("exists; name a folder that is not there yet")
    process.env["BUN_CHROME_PATH"] = "/nowhere/chrome"
    const refused = await Effect.runPromise(Effect.flip(writeFiles(file, join(folder, "other"))))
    expect(refused.message).toContain("the browser /nowhere/chrome printed no PDF")
    if (chrome === undefined) delete process.env["BUN_CHROME_PATH"]
    else process.env["BUN_CHROME_PATH"] = chrome
    expect(readdirSync(folder).toSorted()).toEqual(["out"])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

const browser = browserPath()
if (browser === undefined) console.warn("skipped: PDF of plots, there is no Chrome or Chromium here")

test.skipIf(browser === undefined)(
  "each picture is a PDF of one sheet of its size, whose letters are letters",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "winnow-pdf-"))
    try {
      const file = { directory: folder, hash: "", written: writtenDistillation(run), record: run }
      const { plots, tables, pdf } = await Effect.runPromise(writeFiles(file, join(folder, "out")))
      expect(pdf).toBe(true)
      for (const name of [...plots.map((p) => `plot-${p}`), ...tables.map((t) => `table-${t}`)]) {
        const text = readFileSync(join(folder, "out", `${name}.pdf`), "latin1")
        expect(text).toStartWith("%PDF-")
        expect([name, text.match(/\/Type \/Page\b(?!s)/g)?.length]).toEqual([name, 1])
        const [, width] = /\/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]/.exec(text)!
        const svg = readFileSync(join(folder, "out", `${name}.svg`), "utf8")
        const pixels = Number(/<svg [^>]*?width="([\d.]+)"/.exec(svg)![1])
        expect(Math.abs((Number(width) / 72) * 96 - pixels)).toBeLessThan(3)
        expect(text).toContain("/Font")
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
)
