import { expect, test } from "bun:test"
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { Glob } from "bun"
import { hostedCli } from "./run-cli.fixture.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-cli-runs-"))

/** Runs on the results of this checkout with a new index, as in a fresh clone. */
const hosted = hostedCli()
const winnow = (...args: ReadonlyArray<string>) => hosted(args, { WINNOW_HOME: home })

/** The results in this checkout, read without the lab. */
const results = join(import.meta.dir, "../../../../results")
const records = [...new Glob("*/*/run.json").scanSync(results)].sort().map((path) => ({
  folder: dirname(join(results, path)),
  ...(JSON.parse(readFileSync(join(results, path), "utf8")) as { run: string; experiment: string }),
}))

test("the runs of a clone are there: listed, shown, compared; JSON is alone on stdout", async () => {
  const [a, b] = [records[0]!, records[1]!]
  const [all, table, show, compare, json] = await Promise.all([
    winnow("runs", "--json"),
    winnow("runs", "--experiment", a.experiment),
    winnow("runs", "show", a.folder),
    winnow("runs", "compare", a.run, b.folder),
    winnow("runs", "compare", a.run, b.run, "--json"),
  ])
  for (const { code, err } of [all, table, compare, json]) expect([code, err]).toEqual([0, ""])
  const entries = JSON.parse(all.out) as ReadonlyArray<{ run: string; state: string; directory: string }>
  expect(entries.map(({ directory }) => directory).toSorted()).toEqual(records.map(({ folder }) => folder))
  const lines = table.out.trimEnd().split("\n").slice(2)
  expect(lines.length).toBe(records.filter(({ experiment }) => experiment === a.experiment).length)
  for (const line of lines)
    expect(line).toMatch(/ (done|incomplete) +greedy acceptance: \S+ \d+\.\d %( \[\d+\.\d, \d+\.\d\]|,)/)
  expect(show.out).toMatch(/^(arm|Written by) /)
  expect(show.err).toContain(join(a.folder, "report.html"))
  expect(compare.out).toMatch(new RegExp(`^A  \\S+ ${a.run}, .*\nB  \\S+ ${b.run}, `))
  expect(JSON.parse(json.out)).toMatchObject({ a: { run: a.run }, b: { run: b.run } })
  expect(JSON.parse(json.out).figures.length).toBeGreaterThan(0)
})

test("no launch of a store without one is in a queue", async () => {
  const [list, json] = await Promise.all([winnow("runs", "queue"), winnow("runs", "queue", "--json")])
  expect([list.out.trim(), JSON.parse(json.out)]).toEqual(["no job of this store is in Slurm's queue", []])
})

test("a run that is not there exits 1 and lists the newest of those that are", async () => {
  const { code, err, out } = await winnow("runs", "show", "nope")
  expect([code, out]).toEqual([1, ""])
  expect(err).toStartWith("error: run nope: there is no such run; there are: ")
  const { out: all } = await winnow("runs", "--json")
  const newest = JSON.parse(all).slice(0, 8) as ReadonlyArray<{ readonly run: string; readonly experiment: string }>
  for (const { run, experiment } of newest) expect(err).toContain(`${run} (${experiment})`)
  expect(err).toContain(`and ${records.length - newest.length} more, which \`winnow runs\` lists`)
})

test("a picture of several runs needs a file that ends with .svg, and runs with the control", async () => {
  const [a, b] = [records[0]!, records[1]!]
  const to = join(home, "plot.svg")
  const plot = (file: string, minus: string) =>
    winnow("runs", "plot", a.folder, b.folder, "--over", "filter.k", "--minus", minus, "--to", file)
  const [png, nobody] = await Promise.all([plot(join(home, "plot.png"), "random"), plot(to, "nobody")])
  expect([png.code, nobody.code]).toEqual([1, 1])
  expect(png.err).toContain("name a file that ends with .svg")
  expect(nobody.err).toContain("--minus nobody: run")
  expect(await Bun.file(to).exists()).toBe(false)
})

test("a run's tables and plots as files, a report of several runs, and the home page of the results", async () => {
  const arms = records.filter(({ experiment }) => experiment.startsWith("005"))
  const [to, page, start] = [join(home, "files"), join(home, "several.html"), join(home, "index.html")]
  const [exported, several, home_] = await Promise.all([
    hosted(["runs", "export", arms[0]!.run, "--to", to], { WINNOW_HOME: home, BUN_CHROME_PATH: "", COLUMNS: "80" }),
    winnow("runs", "report", arms[0]!.run, arms[1]!.run, "--to", page),
    winnow("runs", "home", "--to", start),
  ])
  expect([exported.code, several.code, home_.code]).toEqual([0, 0, 0])
  const over = await Bun.file(page.replace(/html$/, "json")).json()
  expect([over.runs.length, over.tables]).toEqual([2, []])
  expect(exported.out).toContain("no PDF: no Chrome or Chromium was found")
  for (const line of exported.out.split("\n")) expect(line.length).toBeLessThanOrEqual(80)
  for (const file of ["table-acceptance.csv", "table-acceptance.tex", "table-acceptance.md", "plot-differences.svg"])
    expect(await Bun.file(join(to, file)).exists()).toBe(true)
  /** Files that a page leads to, from its folder. */
  const targets = async (file: string) =>
    [...(await Bun.file(file).text()).matchAll(/href="([^"#]+)"/g)].map(([, to]) =>
      join(dirname(file), decodeURIComponent(to!)),
    )
  for (const file of [page, start]) {
    const all = await targets(file)
    expect(all.length).toBeGreaterThan(1)
    for (const target of all) expect([target, await Bun.file(target).exists()]).toEqual([target, true])
  }
  const copy = join(home, "copies", "005-tasks", arms[0]!.run)
  cpSync(arms[0]!.folder, copy, { recursive: true })
  rmSync(join(copy, "report.html"))
  const renewed = await winnow("runs", "report", copy)
  expect([renewed.code, renewed.err]).toEqual([0, ""])
  expect(await Bun.file(join(copy, "report.html")).text()).toContain(`<h1>`)
  const refused = await winnow("runs", "report", arms[0]!.run, arms[1]!.run, "--to", join(home, "several.pdf"))
  expect([refused.code, refused.err]).toEqual([1, expect.stringContaining("name a file that ends with .html")])
})

test("a smoke run is marked wherever runs are listed, and stands in no report beside others", async () => {
  const arms = records.filter(({ experiment }) => experiment.startsWith("004"))
  const smoke = join(home, "smoke", "004-compute-matched", "smoke")
  cpSync(arms[0]!.folder, smoke, { recursive: true })
  const record = JSON.parse(readFileSync(join(smoke, "run.json"), "utf8"))
  const marked = { ...record, run: "5m0ke", config: { limit: 2, ...record.config } }
  writeFileSync(join(smoke, "run.json"), JSON.stringify(marked))
  const own = ["--results", join(home, "smoke")]
  const [page, start] = [join(home, "smoke.html"), join(home, "smoke-index.html")]
  const [list, json, home_, several, plot, one] = await Promise.all([
    winnow("runs", ...own),
    winnow("runs", ...own, "--json"),
    winnow("runs", "home", ...own, "--to", start),
    winnow("runs", "report", smoke, arms[1]!.folder, "--to", page),
    winnow(
      "runs",
      "plot",
      smoke,
      arms[1]!.folder,
      "--over",
      "filter.k",
      "--minus",
      "random",
      "--to",
      join(home, "s.svg"),
    ),
    winnow("runs", "report", smoke, ...own),
  ])
  expect(list.out).toMatch(/^5m0ke .* smoke, done +greedy/m)
  expect(JSON.parse(json.out)).toMatchObject([{ run: "5m0ke", limit: 2, state: "done" }])
  expect(home_.code).toBe(0)
  const html = await Bun.file(start).text()
  expect(html).toContain(", smoke, done")
  expect(html).toContain("1 of them smoke runs")
  expect(html).not.toContain('class="figure"')
  for (const { code, err } of [several, plot])
    expect([code, err]).toEqual([1, expect.stringContaining("run 5m0ke: is a smoke run, cut by --limit 2")])
  expect(await Bun.file(page).exists()).toBe(false)
  expect([one.code, one.err]).toEqual([0, ""])
})

test("lists fit the terminal: no line is longer, and none is broken", async () => {
  const [a, b] = [records[0]!.run, records[1]!.run]
  const commands: ReadonlyArray<readonly [columns: number, args: ReadonlyArray<string>]> = [
    [80, ["runs"]],
    [120, ["runs"]],
    [80, ["plugins"]],
    [80, ["runs", "show", a]],
    [80, ["runs", "compare", a, b]],
  ]
  const outs = await Promise.all(
    commands.map(([columns, args]) => hosted(args, { WINNOW_HOME: home, COLUMNS: String(columns) })),
  )
  for (const [i, { code, out }] of outs.entries()) {
    const [columns, args] = commands[i]!
    expect([args, code]).toEqual([args, 0])
    for (const line of out.split("\n")) expect([line, Bun.stringWidth(line) <= columns]).toEqual([line, true])
  }
  for (const { out } of outs.slice(0, 2)) expect(out.trimEnd().split("\n").length).toBe(records.length + 2)
})
