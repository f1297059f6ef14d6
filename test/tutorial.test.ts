/** Runs docs/tutorial.md as a reader does: its files, its commands in their order, with fewer steps. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { homedir, tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { endOf, hostedCli } from "../packages/cli/src/commands/run-cli.fixture.ts"

const root = dirname(import.meta.dir)
const page = readFileSync(join(root, "docs", "tutorial.md"), "utf8")
const home = mkdtempSync(join(tmpdir(), "winnow-tutorial-"))
const lab = join(home, "lab")
const results = join(lab, "results", "unsure-study")
afterAll(() => rmSync(home, { recursive: true }))

/** The blocks of the page in their order: commands, or a file. */
const blocks = [...page.matchAll(/^```(sh|ts)\n([\s\S]*?)^```$/gm)].map(([, language, text]) => ({
  language,
  text: text!,
}))

/** Commands that a test leaves out: the clone is this one, and the doctor has tests of its own. */
const isLeftOut = (line: string) => /^(git clone|bun install|bun run winnow doctor)/.test(line)

/** A training of two steps, and a text of some tokens, in the place of the real ones. */
const smaller = (line: string) =>
  /^bun run experiment(?!.*--(limit|dry-run))/.test(line)
    ? `${line} --limit 2`
    : line.startsWith("bun run winnow generate")
      ? `${line} --max-new 8 --no-compare`
      : line

/** The smoke run is the newest; the shorter arms of the first one have the same draft's names. */
const withRun = (line: string) => line.replace(/\bRUN\b/, () => join(results, readdirSync(results)[0]!))

const said = new Map<string, string>()

const env = {
  HOME: home,
  // The library of this machine, which a new home would fetch again.
  XDG_CACHE_HOME:
    process.env["XDG_CACHE_HOME"] ?? join(homedir(), process.platform === "darwin" ? "Library/Caches" : ".cache"),
  WINNOW_HOME: join(home, "store"),
  PATH: `${dirname(process.execPath)}:${process.env["PATH"]}`,
}
const hosted = hostedCli()
const begun = new Set<string>()

/** A line as a reader's shell runs it, in processes of its own. */
const inShell = async (line: string) => {
  const child = Bun.spawn(["bash", "-c", line], {
    cwd: root,
    env: { ...process.env, ...env },
    stdout: "pipe",
    stderr: "pipe",
  })
  return endOf(child)
}

/** The first line of each command runs in a shell; the others share a process. */
const run = async (line: string) => {
  const typed = withRun(smaller(line))
  const [, command] = /^bun run (?:winnow )?(\S+)/.exec(typed) ?? []
  const words = typed
    .replaceAll("~", home)
    .split(" ")
    .slice(typed.startsWith("bun run winnow ") ? 3 : 2)
  const { code, out, err } =
    command !== undefined && begun.has(command) ? await hosted(words, env, root) : await inShell(typed)
  begun.add(command ?? line)
  if (code !== 0) throw new Error(`${line}: exit ${code}\n${out}\n${err}`)
  said.set(line, `${out}\n${err}`)
}

beforeAll(async () => {
  for (const { language, text } of blocks)
    if (language === "ts") {
      const [, file] = /^\/\/ file: (\S+)\n/.exec(text)!
      // Each file replaces one that an earlier command wrote.
      expect([file, existsSync(join(lab, file!))]).toEqual([file, true])
      writeFileSync(join(lab, file!), text)
    } else for (const line of text.trim().split("\n")) if (!isLeftOut(line)) await run(line)
}, 1_200_000)

test("the page has files and commands, and the run compares the filter with its controls", () => {
  expect(said.size).toBeGreaterThan(9)
  const records = readdirSync(results).map((name) => JSON.parse(readFileSync(join(results, name, "run.json"), "utf8")))
  const names = ["unsure", "random", "bottom", "all-equal-passes", "all-equal-compute"]
  for (const { rows } of records)
    expect(rows.map(({ name }: { name: string }) => name)).toEqual(expect.arrayContaining(names))
  const kept = records.map(({ config }) => config.arms.unsure.filter.options.k).toSorted()
  expect([...new Set(kept)]).toEqual([0.2, 0.4])
})

test("commands say what the page says of them", () => {
  const saidBy = (begins: string) => [...said].filter(([line]) => line.startsWith(begins)).map(([, text]) => text)
  expect(saidBy("bun test")[0]).toContain("2 pass")
  expect(saidBy("bun run experiment")[0]).toMatch(/stages to do/)
  expect(saidBy("bun run experiment")[1]).toMatch(/Verdict|verdict/)
  expect(saidBy("bun run winnow runs --results")[0]).toContain("unsure-study")
})

test("the draft and its target lie where the last step puts them", () => {
  for (const folder of ["draft", "target"])
    expect(readdirSync(join(lab, folder))).toEqual(
      expect.arrayContaining(["config.json", "model.safetensors", "tokenizer.json"]),
    )
})
