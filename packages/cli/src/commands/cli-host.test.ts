/** Commands in one process for a test file end as those in processes of their own. */
import { afterAll, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { hostedCli, runCli } from "./run-cli.fixture.ts"

const root = realpathSync(mkdtempSync(join(tmpdir(), "winnow-host-")))
afterAll(() => rmSync(root, { recursive: true }))
mkdirSync(join(root, "broken"))
writeFileSync(join(root, "broken", "config.json"), "{")

const hosted = hostedCli()
const own = { WINNOW_HOME: join(root, "home") }
const narrow = { ...own, COLUMNS: "50" }

test("arguments, environment and folder are a command's own; what it writes and its exit code are a process's", async () => {
  const commands = [
    [["plugins"], narrow, 0],
    [["experiment", "nope", "--json"], own, 1],
    [["generate", "--help"], own, 0],
    [["runs", "--nope"], own, 1],
    [["model", "broken"], own, 2],
  ] as const
  for (const [args, env, code] of commands) {
    const [alone, beside] = await Promise.all([runCli(args, env, root), hosted(args, env, root)])
    expect([args, beside]).toEqual([args, alone])
    expect([args, beside.code]).toEqual([args, code])
  }
})

test("a command leaves nothing for the next one; commands called at once run one after another", async () => {
  const [before, wide, list, wrong] = await Promise.all([
    hosted(["plugins"], narrow),
    hosted(["plugins"], own),
    hosted(["experiment", "--list", "--json"], own),
    hosted(["model", "broken"], own),
  ])
  const widest = ({ out }: { readonly out: string }) => Math.max(...out.split("\n").map((line) => line.length))
  expect(widest(before)).toBeLessThanOrEqual(50)
  expect(widest(wide)).toBeGreaterThan(50)
  expect([wide.code, wide.err, list.code, list.err]).toEqual([0, "", 0, ""])
  expect(JSON.parse(list.out).length).toBeGreaterThan(1)
  expect([wrong.code, wrong.out]).toEqual([2, ""])
  // The folder is again that of this process, where there is no such model.
  expect(wrong.err).toContain("there is nothing of this name")
})
