import { expect, test } from "bun:test"
import { mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { Glob } from "bun"
import { runCli } from "./run-cli.fixture.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-cli-runs-"))

/** Runs on the results of this checkout with a new index, as in a fresh clone. */
const winnow = (...args: ReadonlyArray<string>) => runCli(args, { WINNOW_HOME: home })

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
}, 60_000)

test("a run that is not there exits 1 and lists those that are", async () => {
  const { code, err, out } = await winnow("runs", "show", "nope")
  expect([code, out]).toEqual([1, ""])
  expect(err).toStartWith("error: run nope: there is no such run; there are: ")
  for (const { run, experiment } of records) expect(err).toContain(`${run} (${experiment})`)
}, 60_000)

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
}, 60_000)
