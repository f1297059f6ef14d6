/** Folders that `winnow new` writes anywhere pass their laws at once, and experiments run with them. */
import { expect, test } from "bun:test"
import { existsSync, mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { templateKinds, writeNew } from "./new.ts"
import { endOf, hostedCli } from "./run-cli.fixture.ts"

const root = join(import.meta.dir, "../../../..")
const folder = mkdtempSync(join(tmpdir(), "winnow-new-"))

const env = { WINNOW_HOME: join(folder, "home"), NO_COLOR: "1" }

const run = async (cwd: string, ...command: ReadonlyArray<string>) => {
  const child = Bun.spawn([process.execPath, ...command], {
    cwd,
    env: { ...process.env, ...env },
    stdout: "pipe",
    stderr: "pipe",
  })
  return endOf(child)
}
const hosted = hostedCli()
const winnow = (...args: ReadonlyArray<string>) => hosted(args, env, folder)

test("a folder of every kind, outside of the checkout, type-checks and passes its laws at once", async () => {
  const [first, ...others] = templateKinds()
  const { code, err, out } = await winnow("new", first!, `shy-${first}`, "--outside", folder)
  expect([code, err]).toEqual([0, ""])
  expect(out).toStartWith(`Wrote ${first === "experiment" ? "shy-experiment" : `${first}-shy-${first}`}: `)
  for (const kind of others) await Effect.runPromise(writeNew({ kind, name: `shy-${kind}`, outside: folder }))
  const own = readFileSync(join(folder, "filter-shy-filter/src/index.ts"), "utf8")
  expect(own).toContain('name: "shy-filter"')
  expect(own).toContain("export const shyFilter = ")
  expect(own).not.toMatch(/my-?filter/i)
  const types = await run(join(folder, "filter-shy-filter"), join(root, "node_modules/.bin/tsc"), "--noEmit")
  expect([types.code, types.out]).toEqual([0, ""])
  const laws = await run(join(folder, "filter-shy-filter"), "test", "--timeout", "120000")
  expect([laws.code, laws.err]).toEqual([0, expect.stringContaining("2 pass\n 0 fail")])
})

test("an experiment and a plugin from elsewhere run in this process and in workers; the plugin's files are in the key", async () => {
  const [experiment, plugin] = [join(folder, "shy-experiment"), join(folder, "filter-shy-filter")]
  const listed = await winnow("plugins", "--plugin", plugin, "--json")
  expect(JSON.parse(listed.out)).toContainEqual({
    kind: "filter",
    name: "shy-filter",
    options: ["k = 0.4"],
    needs: ["draftEntropy_N"],
  })
  const results = join(folder, "results")
  const { code, err, out } = await winnow(
    ...["experiment", experiment, "--plugin", plugin, "--set", "arms.random.filter=shy-filter"],
    ...["--set", "arms.random.filter.k=0.25,0.5", "--arms", "random-k-0-25,random-k-0-5"],
    ...["--limit", "2", "--jobs", "2", "--results", results, "--json"],
  )
  expect([code, err.includes("cannot be told")]).toEqual([0, false])
  const record = JSON.parse(out) as {
    experiment: string
    verdict: string
    config: { limit?: number }
    rows: ReadonlyArray<{ name: string; filter: unknown }>
    stages: ReadonlyArray<{ kind: string; code: unknown }>
  }
  expect(record.experiment).toBe("shy-experiment")
  expect([record.config.limit, record.verdict]).toEqual([
    2,
    expect.stringMatching(/^No verdict: .*smoke run.*--limit 2/),
  ])
  expect(record.rows.map(({ name, filter }) => [name, filter]).slice(1)).toEqual([
    ["random-k-0-25", { name: "shy-filter", options: { k: 0.25 } }],
    ["random-k-0-5", { name: "shy-filter", options: { k: 0.5 } }],
  ])
  const codes = JSON.stringify(record.stages.filter(({ kind }) => kind === "arm").map(({ code }) => code))
  expect(codes).toContain("shy-filter")
  expect(existsSync(join(results, "shy-experiment"))).toBe(true)
})

test("a name that is taken or none, a kind, a path or a plugin that there is not: refused with what there is", async () => {
  const refusals = [
    [["new", "filter", "shy-filter", "--outside", folder], "is there already; choose another name"],
    [["experiment", "./nowhere/experiment.ts"], "there is no file"],
    [["experiment", "--plugin", "./nowhere"], "leads to no file; expected a file, a folder with src/index.ts"],
    [["experiment", "--plugin", join(folder, "shy-experiment", "experiment.ts")], "exports no plugin"],
    [["experiment", "--limit", "0"], "found 0, expected a number of steps from 1"],
  ] as const
  const named = async (kind: string, name: string) =>
    (await Effect.runPromise(Effect.flip(writeNew({ kind, name, outside: folder })))).message
  expect(await named("filter", "Shy")).toContain("lower-case letters and digits")
  expect(await named("sieve", "shy")).toContain("there is no template of sieve; there are experiment, filter, ")
  for (const [args, problem] of refusals) {
    const { code, err } = await winnow(...args)
    expect([args, code]).toEqual([args, 1])
    expect(err).toContain(problem)
  }
})
