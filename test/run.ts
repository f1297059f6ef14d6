/** Runs the tests in several processes that share one folder for temporary files; arguments go to `bun test`. */
import { mkdtempSync, rmSync } from "node:fs"
import { availableParallelism, freemem, tmpdir } from "node:os"
import { join } from "node:path"
import { keptMemory } from "@winnow/engine"

// A process of tests takes up to 3 GB. One more than there are cores works while others wait for a cluster, a worker or a disk;
// more than four wait for each other's cores.
const cores = availableParallelism()
const processes = Math.max(1, Math.min(4, cores + 1, Math.floor(freemem() / 3e9)))
// Its own threads are its share of the cores: more would wait for each other, which cost a sixth of the processor time.
// Commands and workers that a test starts have the machine's cores, as a user's have.
const threads = String(Math.max(1, Math.floor(cores / processes)))
const folder = mkdtempSync(join(tmpdir(), "winnow-tests-"))
try {
  // A test has five minutes: a slow machine makes none fail. bunfig.toml cannot say so.
  // Without isolation a process opens the engine once for all of its files.
  // The slowest files begin first, by the times of an earlier run (`--update-timings` writes them anew).
  const timings = `--timings=${join(import.meta.dir, "timings.json")}`
  const parallel = processes === 1 ? [] : [`--parallel=${processes}`, "--no-isolate", timings]
  const child = Bun.spawn([process.execPath, "test", "--timeout", "300000", ...parallel, ...process.argv.slice(2)], {
    stdio: ["inherit", "inherit", "inherit"],
    // Memory that Bun frees stays in the process, as in a worker: a fifth of the processor time went into page faults.
    env: { ...keptMemory, WINNOW_TEST_THREADS: threads, ...process.env, TMPDIR: folder, WINNOW_TEST_FOLDER: folder },
  })
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal))
  process.exitCode = await child.exited
} finally {
  rmSync(folder, { recursive: true, force: true })
}
