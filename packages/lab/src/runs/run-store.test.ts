import { expect, spyOn, test } from "bun:test"
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { thisProcess } from "@winnow/files"
import { Effect, Fiber } from "effect"
import { aRun } from "../../test/record.ts"
import * as records from "./read-run.ts"
import { entered, makeRunStore, RunStore } from "./run-store.ts"

const run = Effect.runPromise
const program = join(import.meta.dir, "../../test/run-process.ts")

/** A home, a folder of results, the store of both, and a function that writes a run.json there. */
const aHome = () => {
  const home = mkdtempSync(join(tmpdir(), "winnow-runs-"))
  const results = join(home, "results")
  const folder = (id: string, slug = "000-tiny") => join(results, slug, id)
  const write = (id: string, more: object = {}, slug = "000-tiny") => {
    mkdirSync(folder(id, slug), { recursive: true })
    const record = { ...aRun(), experiment: slug, run: id, ...more }
    writeFileSync(join(folder(id, slug), "run.json"), JSON.stringify(record))
  }
  const beginning = (id: string) => ({
    directory: folder(id),
    run: id,
    experiment: "000-tiny",
    part: null,
    limit: null,
    seeds: [1, 2],
    arms: ["all"],
    commit: null,
  })
  return { home, results, folder, write, beginning, store: makeRunStore(home, [results]) }
}

test("runs that lie in results are there, newest first; changed, removed and damaged ones are seen", async () => {
  const { store, write, folder, home, results } = aHome()
  expect(await run(store.list())).toEqual([])
  write("aaaa", { created: "2026-01-01T00:00:00.000Z" })
  write("bbbb", { created: "2026-01-02T00:00:00.000Z", missing: [{}] }, "001-other")
  const ids = async (experiment?: string) => (await run(store.list(experiment))).map((e) => `${e.run} ${e.state}`)
  expect(await ids()).toEqual(["bbbb incomplete", "aaaa done"])
  expect([await ids("other"), await ids("000")]).toEqual([["bbbb incomplete"], ["aaaa done"]])
  write("aaaa", { created: "2026-01-03T00:00:00.000Z" })
  expect(await ids()).toEqual(["aaaa done", "bbbb incomplete"])
  const [newest] = await run(store.list())
  expect(newest).toMatchObject({ seeds: [1, 2], schema: aRun().schema, attempts: [] })
  expect(newest!.arms).toMatchObject([{ name: "all", figure: { value: aRun().rows[0]!.greedyAcceptance.value } }])
  writeFileSync(join(folder("aaaa"), "run.json"), "{")
  expect(await ids()).toEqual(["bbbb incomplete", "aaaa unreadable"])
  rmSync(folder("aaaa"), { recursive: true })
  expect(await ids()).toEqual(["bbbb incomplete"])
  // The list needs only the results.
  rmSync(join(home, "attempts.jsonl"), { force: true })
  expect(await ids()).toEqual(["bbbb incomplete"])
  expect(await run(makeRunStore(mkdtempSync(join(tmpdir(), "winnow-runs-")), [results]).list())).toHaveLength(1)
})

test("a run is found by the beginning of its id or by its folder; else the error lists what there is", async () => {
  const { store, write, folder } = aHome()
  write("abcd")
  write("abef")
  const refused = async (name: string) => (await run(Effect.flip(store.find(name)))).message
  expect((await run(store.find("abc"))).run).toBe("abcd")
  expect((await run(store.find(folder("abef")))).run).toBe("abef")
  expect((await run(store.find(join(folder("abef"), "run.json")))).run).toBe("abef")
  expect(await refused("x")).toMatch(/there is no such run; there are: ab(cd|ef) \(000-tiny\), /)
  expect(await refused("ab")).toContain("several runs are called so")
  for (let i = 0; i < 9; i++) write(`c${i}00`)
  expect(await refused("000")).toMatch(/there are: (\w{4} \(000-tiny\), ){8}and 3 more, which `winnow runs` lists/)
  expect(await refused("c300x")).toContain("there is no such run; did you mean c300?; there are: ")
  // A run elsewhere is found by its folder only.
  const other = aHome()
  other.write("zzzz")
  expect((await run(store.find(other.folder("zzzz")))).run).toBe("zzzz")
  expect(await refused("zzzz")).toContain("no such run")
})

test("a run that is named by its folder, or by its id, is found without the records of others", async () => {
  const { store, write, folder } = aHome()
  for (const id of ["abcd", "abef", "c100"]) write(id)
  using read = spyOn(records, "readRun")
  expect((await run(store.find(folder("abef")))).run).toBe("abef")
  expect(read.mock.calls).toEqual([[folder("abef")]])
  expect((await run(store.find("abe"))).run).toBe("abef")
  expect(read.mock.calls).toHaveLength(1 + 1)
  // The record knows the id of a run whose folder a user renamed.
  renameSync(folder("abef"), folder("mine"))
  expect((await run(store.find("abe"))).directory).toBe(folder("mine"))
  expect(read.mock.calls).toHaveLength(1 + 1 + 3)
})

test("an attempt is running, then what it came to: done by its record, stopped, or failed with its message", async () => {
  const { store, write, beginning } = aHome()
  const states = async () => (await run(store.list())).map(({ run: id, state }) => `${id} ${state}`)
  const enter = <A>(id: string, use: Effect.Effect<A, Error>) =>
    entered(
      beginning(id),
      () => use,
      () => false,
    ).pipe(Effect.provideService(RunStore, store))

  const during = await run(enter("good", Effect.promise(states)))
  expect(during).toEqual(["good running"])
  expect(await states()).toEqual([]) // The run is done, and its results are deleted.
  await run(
    enter(
      "good",
      Effect.sync(() => write("good")),
    ),
  )
  expect(await states()).toEqual(["good done"])
  expect((await run(store.find("good"))).attempts.map(({ state }) => state)).toEqual(["done", "done"])
  // A later attempt that fails does not affect the existing record.
  await run(Effect.flip(enter("good", Effect.fail(new Error("disk full")))))
  const good = await run(store.find("good"))
  expect([good.state, good.attempts.at(-1)!.state, good.attempts.at(-1)!.message]).toEqual([
    "done",
    "failed",
    "disk full",
  ])
  await run(Effect.flip(enter("bad", Effect.fail(new Error("loss is NaN")))))
  expect((await run(store.find("bad"))).state).toBe("failed")
  const fiber = Effect.runFork(enter("cut", Effect.never))
  while ((await states()).every((s) => s !== "cut running")) await Bun.sleep(10)
  await run(Fiber.interrupt(fiber))
  expect(await states()).toContain("cut stopped")
  // An earlier attempt, from before its rates were chosen, gets the same name.
  await run(Effect.flip(enter("early", Effect.fail(new Error("stopped in its search")))))
  await run(
    entered(
      beginning("early"),
      (rename) =>
        Effect.andThen(
          rename({ run: "late", directory: beginning("late").directory }),
          Effect.sync(() => write("late")),
        ),
      () => false,
    ).pipe(Effect.provideService(RunStore, store)),
  )
  expect((await run(store.find("late"))).attempts.map(({ state }) => state)).toEqual(["failed", "done"])
  expect((await states()).join()).not.toContain("early")
  const without = entered(
    beginning("none"),
    () => Effect.succeed(1),
    () => false,
  )
  expect(await run(without)).toBe(1)
  expect((await states()).join()).not.toContain("none")
})

test("a run whose process was killed is shown as stopped", async () => {
  const { store, home, results } = aHome()
  const child = Bun.spawn(["bun", program, home, results, "hang"], { stdout: "pipe" })
  await child.stdout.getReader().read()
  expect((await run(store.find("hanging"))).state).toBe("running")
  child.kill("SIGKILL")
  await child.exited
  expect((await run(store.find("hanging"))).state).toBe("stopped")
})

test("a run of another host counts as running, one whose process number was reused does not", async () => {
  const { store, home, beginning } = aHome()
  const begun = (id: string, process: object) =>
    `${JSON.stringify({ _tag: "begin", id, at: "2026-01-01T00:00:00.000Z", beginning: { ...beginning(id), command: [] }, process })}\n`
  const here = thisProcess()
  const lines = [
    begun("elsewhere", { ...here, host: "elsewhere", pid: 1 }),
    begun("reused", { ...here, started: "another boot 12345" }),
    begun("here", here),
  ]
  writeFileSync(join(home, "attempts.jsonl"), lines.join(""))
  const states = Object.fromEntries((await run(store.list())).map((entry) => [entry.run, entry.state]))
  expect(states).toEqual({ elsewhere: "running", reused: "stopped", here: "running" })
})

test("processes that write at once, killed ones among them, lose no entry and leave a whole database", async () => {
  const { store, home, results, write } = aHome()
  for (let i = 0; i < 5; i++) write(`there${i}`)
  const start = (count: number) => Bun.spawn(["bun", program, home, results, String(count)], { stderr: "inherit" })
  const [whole, cut] = [Array.from({ length: 4 }, () => start(12)), [start(10_000), start(10_000)]]
  await Bun.sleep(500)
  for (const child of cut) child.kill("SIGKILL")
  expect(await Promise.all(whole.map(({ exited }) => exited))).toEqual([0, 0, 0, 0])
  await Promise.all(cut.map(({ exited }) => exited))
  const entries = await run(store.list())
  for (const { pid } of whole) expect(entries.filter((e) => e.run.startsWith(`${pid}-`))).toHaveLength(12)
  expect(entries.filter(({ state }) => state === "running")).toEqual([])
  expect(entries.filter(({ state }) => state === "done")).toHaveLength(5)
  for (const line of readFileSync(join(home, "attempts.jsonl"), "utf8").split("\n")) if (line !== "") JSON.parse(line)
})

test("an index that is damaged, no file, or may not be written stops nothing, and is named", async () => {
  const said: Array<string> = []
  const tried = async (spoil: (file: string) => void) => {
    const { home, results, write, beginning } = aHome()
    write("aaaa")
    spoil(join(home, "attempts.jsonl"))
    const store = makeRunStore(home, [results], (text) => said.push(text))
    const entering = entered(
      beginning("bbbb"),
      () => Effect.sync(() => write("bbbb")),
      () => false,
    ).pipe(Effect.provideService(RunStore, store))
    await run(entering)
    return (await run(store.list())).map(({ run: id, attempts }) => `${id} ${attempts.length}`).toSorted()
  }
  expect(await tried((file) => writeFileSync(file, Uint8Array.of(1, 255, 3, 0)))).toEqual(["aaaa 0", "bbbb 1"])
  expect(said.join()).toContain("1 of 3 lines are left out")
  expect(await tried((file) => writeFileSync(file, `{"_tag":"begin"}\n${"[".repeat(100_000)}\nnull`))).toEqual([
    "aaaa 0",
    "bbbb 1",
  ])
  expect(said.join()).toContain("3 of 5 lines are left out")
  expect(await tried((file) => mkdirSync(file))).toEqual(["aaaa 0", "bbbb 0"])
  expect(said.join()).toContain("this is a folder")
  expect(said.join()).toContain("results are written all the same")
  expect(await tried((file) => symlinkSync("/dev/full", file))).toEqual(["aaaa 0", "bbbb 0"])
  expect(said.join()).toContain("the disk is full")
})

test("a line that a full disk cut short takes no later line with it", async () => {
  const { store, home, beginning } = aHome()
  await run(store.begin({ ...beginning("aaaa"), command: [] }))
  appendFileSync(join(home, "attempts.jsonl"), '{"_tag":"begin","id":"x","at')
  await run(store.begin({ ...beginning("bbbb"), command: [] }))
  expect((await run(store.list())).map(({ run: id }) => id).toSorted()).toEqual(["aaaa", "bbbb"])
})
