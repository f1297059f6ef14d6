import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { jobScript } from "./script.ts"

const folder = mkdtempSync(join(tmpdir(), "winnow-script-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The value that the script's own lines give to a variable, before the stage begins. */
const valueIn = (script: string, name: string, env: Readonly<Record<string, string>>): string => {
  const lines = script.split("\n").filter((line) => line.startsWith("export "))
  const { stdout } = Bun.spawnSync(["bash", "-c", [...lines, `echo "$${name}"`].join("\n")], { env })
  return stdout.toString().trim()
}

test("a job's allocator keeps freed memory, unless the user has set it", () => {
  const script = jobScript("/launch", new Map([[0, "abc"]]), "module load bun")
  expect(valueIn(script, "MIMALLOC_PURGE_DELAY", {})).toBe("-1")
  expect(valueIn(script, "MIMALLOC_PURGE_DELAY", { MIMALLOC_PURGE_DELAY: "10" })).toBe("10")
  expect(valueIn(script, "TF_NUM_INTRAOP_THREADS", { SLURM_CPUS_PER_TASK: "3" })).toBe("3")
})

/** An srun that starts one task, and passes signals on to it because it becomes it. */
const oneTask = '#!/bin/bash\nwhile [[ "$1" == --* ]]; do shift; done\nexec "$@"\n'

for (const size of [1, 2])
  test.skipIf(process.platform !== "linux")(
    `the signal of the time limit ends no process that does not listen yet, of ${size === 1 ? "a job" : "a task of srun"}`,
    async () => {
      const file = join(folder, `job-${size}.sh`)
      writeFileSync(file, jobScript(join(folder, "launch"), new Map([[0, "a".repeat(64)]]), undefined, size))
      writeFileSync(join(folder, "srun"), oneTask, { mode: 0o755 })
      const slurm = { SLURM_JOB_ID: "7", SLURM_CLUSTER_NAME: "test", PATH: `${folder}:${process.env["PATH"]}` }
      const job = Bun.spawn(["bash", file], {
        env: { ...process.env, ...slurm, WINNOW_HOME: folder },
        stdout: "pipe",
        stderr: "pipe",
      })
      // The shell has become the stage's process, which loads its modules for some tenths of a second.
      const words = () => readFileSync(`/proc/${job.pid}/cmdline`, "utf8").split("\0")
      while (words()[0] !== process.execPath) await Bun.sleep(1)
      job.kill("SIGUSR2")
      const err = await new Response(job.stderr).text()
      await job.exited
      expect(job.signalCode).toBeNull()
      expect(err).toContain("launch")
    },
  )
