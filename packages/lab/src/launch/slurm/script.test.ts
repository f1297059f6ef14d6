import { expect, test } from "bun:test"
import { jobScript } from "./script.ts"

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
