/** Answers of Slurm's clients: those of a cluster with accounts, which the cluster of the tests has none of. */
import { afterAll, beforeEach, expect, test } from "bun:test"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { SlurmClient } from "./client.ts"

const folder = mkdtempSync(join(tmpdir(), "winnow-slurm-client-"))
const path = process.env["PATH"]
process.env["PATH"] = `${folder}:${path}`
afterAll(() => {
  process.env["PATH"] = path
  rmSync(folder, { recursive: true, force: true })
})

/** A client that notes its arguments and runs some lines of sh. */
const client = (name: string, lines: string) => {
  writeFileSync(join(folder, name), `#!/bin/sh\necho "$@" > ${folder}/${name}.asked\n${lines}\n`)
  chmodSync(join(folder, name), 0o755)
}
const asked = (name: string) => Bun.file(join(folder, `${name}.asked`)).text()
const ended = (id: string) => Effect.runPromise(Effect.flatMap(SlurmClient, (of) => of.ended(id)))
const controller = "echo 'JobId=7 ArrayJobId=7 JobState=TIMEOUT Reason=TimeLimit Dependency=(null) NodeList=node2'"
beforeEach(() => {
  client("scontrol", controller)
  client("sacct", "exit 1")
})

test("an ended job that the queue has forgotten is told by the accounts, the task of an array by its own line", async () => {
  client("sacct", "printf '%s\\n' '7_1|COMPLETED|None|node1' '7_2|CANCELLED by 1000|None|node[1-2]'")
  expect(await ended("7_2")).toEqual({ state: "CANCELLED", reason: "None", nodes: "node[1-2]" })
  expect((await asked("sacct")).trim()).toBe(
    "--noheader --parsable2 --allocations --jobs=7_2 --format=JobID,State,Reason,NodeList",
  )
})

test("without accounts, and for a job that they do not have, the controller is asked", async () => {
  const told = { state: "TIMEOUT", reason: "TimeLimit", nodes: "node2" }
  expect(await ended("7")).toEqual(told)
  client("sacct", "true")
  expect(await ended("7")).toEqual(told)
  expect((await asked("scontrol")).trim()).toBe("--oneliner show job 7")
})

test("a job that nobody knows has no state", async () => {
  client("scontrol", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1")
  expect(await ended("7")).toBeUndefined()
})

test.each([
  "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying",
  "sbatch: error: QOSMaxSubmitJobPerUserLimit",
])("sbatch that waits for a full queue is ended at once: %s", async (text) => {
  client("sbatch", `echo '${text}' >&2; exec sleep 30`)
  const began = performance.now()
  const error = await Effect.runPromise(Effect.flip(Effect.flatMap(SlurmClient, ({ submit }) => submit([], "a.sh"))))
  expect([error._tag, error.message]).toEqual(["QueueFull", text.replace("sbatch: error: ", "")])
  expect(performance.now() - began).toBeLessThan(20_000)
})
