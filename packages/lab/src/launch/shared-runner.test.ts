/** `--devices`: trainings that processes of this machine share have the bytes of one process, and resume after a loss. */
import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import { contentsOf, slurmRun } from "../../test/slurm/run.ts"
import { resumesOf } from "../../test/store-contents.ts"
import type { ProgressEvent } from "../progress.ts"
import { makeStore } from "../store/store.ts"
import { local, withDevices } from "./launcher.ts"

const root = mkdtempSync(join(tmpdir(), "winnow-devices-"))
const before = process.env["WINNOW_CHECKPOINT_SECONDS"]
process.env["WINNOW_CHECKPOINT_SECONDS"] = "0"
afterAll(() => {
  if (before === undefined) delete process.env["WINNOW_CHECKPOINT_SECONDS"]
  else process.env["WINNOW_CHECKPOINT_SECONDS"] = before
  rmSync(root, { recursive: true, force: true })
})

const micro = ["target.pretraining", "draft.start.pretraining", "arms.all"].map((at) => `${at}.microBatches=2`)
const set = [...micro, "target.pretraining.steps=12", "draft.start.pretraining.steps=5", "arms.all.steps=20"]
const run = (name: string, launcher: typeof local, report = (_: ProgressEvent) => {}) =>
  Effect.runPromise(slurmRun({ home: join(root, name), set, launcher, report }))

/** Workers of a rank that were started for a run in this folder. */
const workersOf = (rank: number): ReadonlyArray<number> =>
  readdirSync("/proc").flatMap((name) => {
    try {
      const environment = /^\d+$/.test(name) ? readFileSync(`/proc/${name}/environ`, "utf8") : ""
      const own = environment.includes("WINNOW_MEETING=") && environment.includes(`"rank":${rank},`)
      return own && readFileSync(`/proc/${name}/stat`, "utf8").includes(` ${process.pid} `) ? [Number(name)] : []
    } catch {
      return [] // The process has just ended.
    }
  })

test.skipIf(process.platform !== "linux")(
  "two processes lose one in the middle of an arm; one process goes on; every byte is that of one process",
  async () => {
    await openEngine()
    const alone = await run("alone", local)
    let killed = 0
    const notes: Array<string> = []
    const stopped = await run("shared", withDevices(2, local), (event) => {
      if (event._tag === "failed") notes.push(event.message)
      if (event._tag !== "progress" || event.stage !== "arm all, seed 1" || event.done < 4 || killed > 0) return
      for (const pid of workersOf(1)) {
        process.kill(pid, "SIGKILL")
        killed++
      }
    })
    expect(killed).toBe(1)
    expect(notes[0]).toContain("arm all, seed 1: step")
    expect(notes[0]).toContain("one of the 2 processes ended or did not answer")
    expect(notes[0]).toContain("ended by SIGKILL")
    expect(stopped.record?.missing ?? []).not.toEqual([])
    const finished = await run("shared", local)
    expect(contentsOf(join(root, "shared"), finished)).toEqual(contentsOf(join(root, "alone"), alone))
    // One process went on from a checkpoint of two.
    const arms = join(makeStore(join(root, "shared")).root, "arm")
    expect(readdirSync(arms).map((key) => resumesOf(join(arms, key)).length)).toEqual([1])
  },
)

test("processes that no training can use are refused before any work", async () => {
  const launcher = withDevices(2, local)
  const running = Effect.runPromise(slurmRun({ home: join(root, "refused"), launcher }))
  await expect(running).rejects.toThrow(
    "--devices 2: each process takes whole micro-batches, and every training has one a step; set more, such as --set target.pretraining.microBatches=2",
  )
})
