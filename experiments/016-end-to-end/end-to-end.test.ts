/** Runs the commands of docs/end-to-end.md as a user does, on the preset `smoke`: every step, with what it leaves. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { hostedCli } from "../../packages/cli/src/commands/run-cli.fixture.ts"

const root = join(import.meta.dir, "..", "..")
const home = mkdtempSync(join(tmpdir(), "winnow-end-to-end-"))
afterAll(() => rmSync(home, { recursive: true }))

/** The commands of the page's block that begins with that comment. */
const page = readFileSync(join(root, "docs", "end-to-end.md"), "utf8")
const block = /```sh\n# from a start to a draft in use\n([\s\S]*?)```/.exec(page)![1]!
const commands = block.trim().split("\n")

/** The words of a command line; quotes keep spaces. */
const wordsOf = (line: string) => [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word!)

/** Sizes for seconds, in the place of the defaults of each command. */
const small: Readonly<Record<string, ReadonlyArray<string>>> = {
  rank: ["--preset", "smoke", "--results", "results", "--jobs", "1"],
  experiment: ["--preset", "smoke", "--results", "results", "--jobs", "1"],
  adapt: ["--steps", "4", "--batch-size", "4", "--max-new", "48", "--max-length", "96"],
  evaluate: ["--draft-length", "2", "--rounds", "0", "--max-new", "24"],
  generate: ["--max-new", "16", "--no-compare"],
}

const results = join(home, "results", "016-end-to-end")

const hosted = hostedCli()

/** Runs a line of the page in a folder of its own. */
const run = async (line: string) => {
  const words = wordsOf(line.replace(/^bun run (winnow )?/, ""))
  const args = words.map((word) => (word === "RUN" ? join(results, readdirSync(results)[0]!) : word))
  const { code, out, err } = await hosted(
    [...args, ...(small[words[0]!] ?? [])],
    { WINNOW_HOME: join(home, "store") },
    home,
  )
  if (code !== 0) throw new Error(`${line}: exit ${code}\n${err}`)
  return out
}

beforeAll(() => {
  const problem = (i: number) => `Ana has ${i + 4} coins. Ana gives away ${(i % 3) + 1}. How many coins are left?`
  const lines = (from: number) =>
    Array.from({ length: 12 }, (_, i) => JSON.stringify({ prompt: `${problem(from + i)}\n` })).join("\n")
  writeFileSync(join(home, "prompts.jsonl"), lines(0))
  writeFileSync(join(home, "held-out.jsonl"), lines(12))
})

const [ranks, experiment, ...others] = commands

test("the ranking alone is the first table of the run, which has one for each step", async () => {
  const ranking = await run(ranks!)
  expect(ranking).toContain("general-4")
  await expect(run("bun run winnow rank starts end-to-end")).rejects.toThrow("--scores-only has the scores alone")
  await run(experiment!)
  const { study, tables, drafts } = JSON.parse(
    readFileSync(join(results, readdirSync(results)[0]!, "run.json"), "utf8"),
  )
  expect(study).toBe("steps")
  const names = tables.map(({ name }: { name: string }) => name)
  expect(names.slice(0, 4)).toEqual(["distillation", "adaptation", "decoding", "export"])
  expect(names).toEqual(expect.arrayContaining(["ranking", "choice-private", "choice-full", "acceptance", "time"]))
  const tableOf = (name: string) => tables.find((table: { name: string }) => table.name === name)
  const taken = tableOf("ranking").rows.find(({ cells }: { cells: { taken: string } }) => cells.taken === "yes").name
  expect(ranking.split("\n").find((line) => line.includes("yes"))).toStartWith(taken)
  for (const { cells } of tableOf("export").rows) expect(cells.folder).toEqual(cells.run)
  const adapted = tableOf("adaptation").rows.map(({ name }: { name: string }) => name)
  expect(drafts.rows.find(({ name }: { name: string }) => name === "private").from).toBe(`arm ${adapted[0]}`)
  expect(adapted.slice(1)).toEqual(["private", "full", "direct", "head"])
})

test("each further line of the page leaves what it says", async () => {
  const said: Array<string> = []
  for (const line of others) said.push(await run(line))
  const folders = ["base", "target", "shared", "math", "head"]
  expect(folders.filter((name) => existsSync(join(home, "out", name)))).toEqual(folders)
  expect(readdirSync(join(home, "out", "math")).toSorted()).toEqual(["config.json", "private.safetensors"])
  expect(said.some((text) => text.includes("greedy"))).toBe(true)
})
