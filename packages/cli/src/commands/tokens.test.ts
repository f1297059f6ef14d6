/** `winnow tokens`: refusals by exit codes; the page is tested where it is made, in the lab. */
import { afterAll, expect, test } from "bun:test"
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { hostedCli } from "./run-cli.fixture.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-cli-tokens-"))
afterAll(() => rmSync(home, { recursive: true }))

/** The published run of 001-quickstart, whose weights no clone has. */
const run = readdirSync(join(import.meta.dir, "../../../../results/001-quickstart"))[0]!

const hosted = hostedCli()

test("a fresh clone has no weights: exit 2 and the command that trains them; a wrong arm is exit 1; no page is left", async () => {
  const to = join(home, "tokens.html")
  const winnow = (...args: ReadonlyArray<string>) =>
    hosted(["tokens", run, "--to", to, ...args], { WINNOW_HOME: join(home, "store") })
  const [gone, unknown] = await Promise.all([winnow(), winnow("--arms", "adaspek")])
  expect([gone.code, unknown.code]).toEqual([2, 1])
  expect([gone.out, unknown.out]).toEqual(["", ""])
  expect(gone.err).toContain("is not in the store")
  expect(gone.err).toContain(`\`bun run experiment --repeat ${run}\` computes it again`)
  expect(unknown.err).toContain("did you mean adaspec?")
  expect(existsSync(to)).toBe(false)
})
