import { expect, test } from "bun:test"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { datasetsLayer } from "@winnow/data"
import { Effect, Fiber, Layer } from "effect"
import deadly from "../../test/deadly-experiment.ts"
import killed from "../../test/kill-experiment.ts"
import type { KillRun } from "../../test/kill-run.ts"
import { runDistillation } from "../../test/run-distillation.ts"
import { checkpointsIn, storeContents } from "../../test/store-contents.ts"
import { tinyModel } from "../../test/tiny.ts"
import type { Experiment } from "../experiment/define.ts"
import { resolve } from "../experiment/resolve.ts"
import { fresh } from "../experiment/start.ts"
import { Progress, type ProgressEvent } from "../progress.ts"
import { Store } from "../store/store.ts"
import { workers } from "./workers.ts"

const fileOf = (name: string) => join(import.meta.dir, "../../test", `${name}-experiment.ts`)
const newHome = () => mkdtempSync(join(tmpdir(), "winnow-workers-"))

/** Runs an experiment of lab/test in a separate home. */
const run = (name: string, experiment: unknown, home: string, jobs: number, report = (_: ProgressEvent) => {}) =>
  Effect.flatMap(resolve(experiment as Experiment, { seeds: [1] }), (resolved) =>
    runDistillation(resolved, {
      slug: `000-${name}`,
      results: join(home, "results"),
      source: { file: fileOf(name) },
    }),
  ).pipe(
    Effect.provide(
      Layer.mergeAll(
        Store.layer(home),
        datasetsLayer({ folder: undefined }),
        Layer.succeed(Progress, { report }),
        workers(jobs),
      ),
    ),
  )

/** Processes of workers with this text in their environment; only Linux shows them. */
const workersOf = (mark: string): ReadonlyArray<number> =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const [command, environment] = ["cmdline", "environ"].map((f) => readFileSync(`/proc/${pid}/${f}`, "utf8"))
        return command!.includes("worker-main.ts") && environment!.includes(mark)
      } catch {
        return false // The process has just ended.
      }
    })
    .map(Number)

/** Waits up to half a minute for a condition. */
const until = async (condition: () => boolean) => {
  for (let waited = 0; !condition(); waited += 20) {
    if (waited > 30_000) throw new Error("waited half a minute for nothing")
    await Bun.sleep(20)
  }
}

test("two workers make what one process makes, byte by byte, and one stage reads the clock at a time", async () => {
  const [one, two] = [newHome(), newHome()]
  const alone = await Effect.runPromise(run("kill", killed, one, 1))
  const events: Array<ProgressEvent> = []
  const { computed } = await Effect.runPromise(run("kill", killed, two, 2, (e) => void events.push(e)))
  expect(storeContents(two)).toEqual(storeContents(one))
  expect(computed).toBe(alone.computed)

  const open = new Set<string>()
  const clocks: Array<number> = []
  for (const event of events) {
    if (event._tag === "started") open.add(event.stage)
    if (event._tag === "done") open.delete(event.stage)
    if ([...open].some((stage) => /^measure (all|behind)/.test(stage))) clocks.push(open.size)
  }
  expect(new Set(clocks)).toEqual(new Set([1]))
})

test("a worker that dies is replaced once; a stage that kills that one too fails alone, and is named", async () => {
  const home = newHome()
  process.env["WINNOW_TEST_DEATHS"] = home
  mkdirSync(home, { recursive: true })
  const notes: Array<string> = []
  const report = (e: ProgressEvent) => void (e._tag === "note" && notes.push(e.text))
  const { record } = await Effect.runPromise(run("deadly", deadly, home, 2, report))
  expect(record.missing).toEqual([
    { name: "always", seed: 1, stage: "arm always, seed 1", message: expect.stringContaining("ended by SIGKILL") },
  ])
  expect(record.rows.flatMap(({ name, seeds }) => (seeds.length > 0 ? [name] : []))).toEqual(["start", "all", "once"])
  expect(readFileSync(join(home, "deaths-1"), "utf8")).toBe("x")
  expect(readFileSync(join(home, "deaths-1000"), "utf8")).toBe("xx")
  expect(notes.filter((text) => text.includes("tried once more")).length).toBe(2)
})

test("two stages run at once; an interruption waits for the workers, which leave checkpoints; no process stays", async () => {
  const home = newHome()
  process.env["WINNOW_TEST_MARK"] = home
  let stop = () => {}
  const long = { ...killed, draft: { start: fresh(tinyModel(8), { steps: 100_000, batchSize: 4 }) } }
  const running = new Set<string>()
  const report = (e: ProgressEvent) => {
    if (e._tag === "progress" && e.unit === "steps" && e.done > 2) running.add(e.stage)
    if (running.size === 2) stop()
  }
  const both = { ...long, target: fresh(tinyModel(32), { steps: 100_000, batchSize: 4 }) }
  const fiber = Effect.runFork(run("kill", both, home, 2, report))
  stop = () => fiber.interruptUnsafe()
  await Effect.runPromise(Fiber.await(fiber))
  expect([...checkpointsIn(home).keys()].map((name) => name.split("/")[0]).toSorted()).toEqual(["start", "target"])
  if (existsSync("/proc")) expect(workersOf(home)).toEqual([])
})

test.skipIf(!existsSync("/proc"))("workers whose run is killed end by themselves", async () => {
  const home = newHome()
  const run: KillRun = { home, seeds: "1,2", jobs: 2 }
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "../../test/kill-child.ts")], {
    stdin: new Blob([JSON.stringify(run)]),
    stdout: "ignore",
    stderr: "inherit",
    env: { ...process.env, WINNOW_TEST_MARK: home },
  })
  await until(() => workersOf(home).length === 2)
  child.kill("SIGKILL")
  await child.exited
  await until(() => workersOf(home).length === 0)
})
