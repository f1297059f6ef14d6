import { expect, test } from "bun:test"
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type RunEntry, runRecord } from "@winnow/lab"
import { type } from "arktype"
import { endOf, hostedCli, startCli } from "./run-cli.fixture.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-cli-"))

const env = { WINNOW_HOME: home }
const hosted = hostedCli()

const winnow = (...args: ReadonlyArray<string>) => hosted(["experiment", ...args], env)
const winnowRuns = (...args: ReadonlyArray<string>) =>
  hosted(["runs", "--results", join(home, "results"), ...args], env)

/** A process of its own, for signals and a run as users start it. */
const start = (...args: ReadonlyArray<string>) => startCli(args, env)

/** The quickstart at a size that takes seconds. */
const tiny = [
  "--results",
  join(home, "results"),
  "--seeds",
  "1",
  "--arms",
  "all-tokens,adaspec",
  ...[
    "task.train=300",
    "task.test=20",
    "task.validation=10",
    "target.pretraining.steps=4",
    "target.pretraining.batchSize=4",
    "target.model.hidden_size=16",
    "target.model.num_hidden_layers=1",
    "draft.start.model.hidden_size=8",
    "draft.start.pretraining.steps=2",
    "reference.steps=2",
    "reference.batchSize=4",
    "arms.all-tokens.steps=2",
    "arms.all-tokens.batchSize=4",
    "arms.adaspec.steps=3",
    "arms.adaspec.batchSize=4",
    "measure.prompts=4",
    "measure.maxNew=8",
    "measure.timedPrompts=1",
  ].flatMap((setting) => ["--set", setting]),
]

/** The same in one process: workers take three times as long to start as this run takes. */
const alone = [...tiny, "--jobs", "1"]

test("--list names the experiments; --json prints JSON alone", async () => {
  const plain = await winnow("--list")
  expect([plain.code, plain.err]).toEqual([0, ""])
  expect(plain.out).toMatch(/^001-quickstart\n {2}With the same steps/)
  expect(plain.out).toMatch(/^ {2}parts {3}arithmetic, gsm8k\n {2}arms {4}all-tokens/m)
  for (const line of plain.out.split("\n")) expect(line.length).toBeLessThanOrEqual(80)
  const { out } = await winnow("--list", "--json")
  const listed = JSON.parse(out) as ReadonlyArray<{ slug: string; arms: ReadonlyArray<string> }>
  expect(listed.find(({ slug }) => slug === "001-quickstart")!.arms).toContain("adaspec")
})

test("wrong input exits 1 and says what there is", async () => {
  const [name, path, seeds, arms] = await Promise.all([
    winnow("nope"),
    winnow("001", "--set", "arms.adaspec.filter=best"),
    winnow("--seeds", "1,two"),
    winnow("--arms", "adaspec,other"),
  ])
  expect([name.code, path.code, seeds.code, arms.code]).toEqual([1, 1, 1, 1])
  expect(name.err).toMatch(/^error: experiment nope: there is no such experiment; there are: 001-quickstart/)
  expect(path.err).toMatch(/no filter "best" here; there are .*adaspec/)
  expect(seeds.err).toContain("expected integers")
  expect(arms.err).toMatch(/no arm named 'other'; it has random, all-tokens, /)
  for (const { out } of [name, path, seeds, arms]) expect(out).toBe("")
})

test("a missing file exits 2, and the message names the places that were searched", async () => {
  const { code, err } = await winnow("--set", `target=folder:${home}/no-model`)
  expect(code).toBe(2)
  expect(err).toContain("no-model is not a directory: there is nothing of this name; a model is a directory with")
})

test("--dry-run tells stages, sizes and time, and runs nothing", async () => {
  const { out, code } = await winnow(...tiny, "--dry-run")
  expect(code).toBe(0)
  expect(out).toMatch(/^arm adaspec +1 +[\d.]+k +3 /m)
  expect(out).toMatch(
    /^(\d+) of \1 stages to do: \d+ without an estimate, the rest about [\d.:]+( s)? on this\nmachine\.$/m,
  )
  for (const line of out.split("\n")) expect(line.length).toBeLessThanOrEqual(80)
  expect((await winnow(...tiny, "--dry-run", "--verbose")).out).toMatch(/^arm adaspec, seed 1 +to do +[0-9a-f]{10} /m)
  expect(existsSync(join(home, "artifacts"))).toBe(false)
  const plan = JSON.parse((await winnow(...tiny, "--dry-run", "--json")).out)
  expect(plan.stages.find((s: { stage: string }) => s.stage === "target").work.steps).toBe(4)
  const shared = await winnow(...tiny, "--dry-run", "--devices", "2")
  expect(shared.err).toContain("error: --devices 2: each process")
  expect(shared.code).not.toBe(0)
})

test("a run prints its summary, with --verbose everything; a second run computes nothing and prints the same; an interrupted one resumes", async () => {
  const long = [...tiny, "--set", "target.pretraining.steps=100000"]
  const child = start("experiment", ...long, "--verbose")
  const reader = child.stderr.getReader()
  let seen = ""
  while (!/target\n|target: /.test(seen)) seen += new TextDecoder().decode((await reader.read()).value)
  // Another process shows it on a page meanwhile.
  const watcher = start("watch", "quickstart")
  const address = watcher.stdout.getReader()
  const url = new TextDecoder().decode((await address.read()).value).trim()
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[\w-]{32}\/$/)
  expect(await (await fetch(url)).text()).toContain("<title>winnow</title>")
  expect((await fetch(url.replace(/\/[^/]+\/$/, "/"))).status).toBe(403)
  child.kill("SIGINT")
  while (true) {
    const { done, value } = await reader.read()
    if (done) break
    seen += new TextDecoder().decode(value)
  }
  expect(await child.exited).toBe(130)
  expect(seen).toContain("run the same command to continue")
  const end = new TextDecoder().decode((await address.read()).value)
  expect(end).toMatch(/^run \w+ was stopped; the same command goes on where it was$/m)
  expect(await watcher.exited).toBe(0)
  expect(JSON.parse((await winnowRuns("--json")).out)).toMatchObject([{ state: "stopped", seeds: [1], schema: null }])
  const plan = JSON.parse((await winnow(...long, "--dry-run", "--json")).out)
  expect(plan.stages.find((s: { stage: string }) => s.stage === "target").state).toBe("to resume")

  const first = await endOf(start("experiment", ...alone))
  if (first.code !== 0) throw new Error(first.err)
  const lines = first.out.trimEnd().split("\n")
  expect(lines[0]).toMatch(/^Verdict: adaspec minus all-tokens/)
  expect(first.out).toMatch(/^arm +greedy % +tau \(g=4\) +minus all-tokens$/m)
  expect(lines.at(-1)).toMatch(/^take a draft along: bun run winnow export \w+ ARM --to DIR$/)
  expect(lines.at(-2)).toMatch(/^report\.html and run\.json: .*001-quickstart\/\w+$/)
  expect(lines.length).toBeLessThanOrEqual(10)
  for (const line of lines.toSpliced(-2, 1)) expect(line.length).toBeLessThanOrEqual(80)
  // Without a terminal there are a few lines, without examples of the data and without ends of stages.
  expect(first.err.split("\n").length).toBeLessThan(8)
  expect(first.err).not.toMatch(/three examples|done in/)
  expect(first.err).toMatch(/^\d+ stages computed in \d/m)
  const logs = join(home, "logs")
  const full = await winnow(...alone, "--verbose", "--watch", "--tensorboard", logs)
  expect(full.err).toMatch(/^live page: http:\/\/127\.0\.0\.1:\d+\/[\w-]{32}\/$/m)
  const folders = readdirSync(logs, { recursive: true }).filter((name) => String(name).endsWith(".winnow"))
  expect(folders.map((name) => String(name).split("/").slice(1, -1).join("/")).toSorted()).toEqual(
    expect.arrayContaining(["adaspec/seed-1", "all-tokens/seed-1", "target"]),
  )
  expect(full.out).toStartWith(first.out.trimEnd())
  expect(full.out).toMatch(/gamma = 4, arithmetic\/test, 4 prompts/)
  expect(full.out).toContain("What follows:")
  expect(full.err).toContain("three examples, the trained part marked")
  expect(full.err).toContain("nothing had to be computed")
  const record = runRecord(JSON.parse((await winnow(...alone, "--json")).out))
  expect(record).not.toBeInstanceOf(type.errors)
})

test("--repeat makes a run again from its record alone: 0 where it is the same, 5 and the figure where it is not", async () => {
  const made = await winnow(...alone)
  if (made.code !== 0) throw new Error(made.err)
  const [entry] = JSON.parse((await winnowRuns("--json")).out) as [RunEntry]
  expect(entry).toMatchObject({ state: "done", schema: 3 })
  expect(entry.attempts.at(-1)).toMatchObject({ state: "done", message: null, command: ["experiment", ...alone] })
  const same = await winnow("--results", join(home, "results"), "--repeat", entry.run.slice(0, 6), "--jobs", "2")
  expect(same.err).not.toContain("error:")
  expect([same.code, same.out]).toEqual([0, expect.stringContaining("Reproduced: all the same.")])

  const file = join(entry.directory, "run.json")
  const record = JSON.parse(readFileSync(file, "utf8"))
  record.rows[1].budget[0].arm.tokensTrained += 1
  writeFileSync(file, JSON.stringify(record))
  const other = await winnow("--repeat", file, "--jobs", "1", "--json")
  expect(other.code).toBe(5)
  expect(other.err).toContain("was not reproduced: 1 of ")
  expect(JSON.parse(other.out).deviations).toMatchObject([
    { path: "rows[all-tokens].budget[1].arm.tokensTrained", within: false },
  ])
  const settings = await winnow("--repeat", file, "--seeds", "1")
  expect([settings.code, settings.err]).toEqual([1, expect.stringContaining("leave out --seeds")])
})

test("a stage that fails costs its own figures, in workers too: the rest is printed, the exit code is 6", async () => {
  const failing = [...tiny, "--set", "arms.adaspec.optimizer.learningRate=1e30"]
  for (const jobs of ["2", "1"]) {
    const { out, err, code } = await winnow(...failing, "--jobs", jobs, "--json")
    expect(code).toBe(6)
    expect(err).toMatch(
      /error: drafts without figures: 1; .*\n {2}adaspec, seed 1: stage arm adaspec, seed 1 failed: .*learning rate/,
    )
    const record = runRecord(JSON.parse(out))
    if (record instanceof type.errors) throw new Error(record.summary)
    expect(record.missing.map(({ name, seed, stage }) => [name, seed, stage])).toEqual([
      ["adaspec", 1, "arm adaspec, seed 1"],
    ])
    expect(record.rows.find(({ name }) => name === "all-tokens")!.greedyAcceptance).not.toBeNull()
  }
  for (const [jobs, said] of [
    ["-3", "--jobs -3: expected a whole number from 1 on"],
    ["1.5", '--jobs: found "1.5", expected '],
  ] as const) {
    const { code, err } = await winnow("--jobs", jobs)
    expect([code, err]).toEqual([1, expect.stringContaining(said)])
  }
  const both = await winnow("--launcher", "local", "--jobs", "2")
  expect([both.code, both.err]).toEqual([
    1,
    expect.stringContaining("--jobs: --launcher local does not read it; leave out one of the two"),
  ])
  const most = await winnow(...failing, "--jobs", "999")
  expect(most.err).toMatch(/^--jobs 999, \d+ stages? runs? at once: (there|a worker takes)/m)
})
