/** Sends Ctrl-C and similar signals at a random moment: the command ends within about a second, and resumes later. */
import { join } from "node:path"
import { computedBy } from "../computing.ts"
import type { Kind } from "../kind.ts"
import { pick } from "../random.ts"

const main = join(import.meta.dir, "..", "..", "..", "cli", "src", "main.ts")

/**
 * Seconds of computing, summed over all cores, that a process may spend between the signal and its end: one second of
 * work on two cores and a checkpoint. The trial's time limit ends a process that only waits.
 */
const patience = 3

/** Interruptions. */
export const interrupts: Kind = {
  name: "interrupts",
  of: "runs of the quickstart, interrupted",
  whole: 60,
  seconds: 120,
  setUp: async (folder) => async (rng, _, tell) => {
    const signal = pick(rng, ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    const jobs = rng.below(4) === 0 ? "2" : "1"
    // One home for all trials: each resumes the one before it, so that the trials reach all phases.
    const child = Bun.spawn(
      [process.execPath, main, "experiment", "--jobs", jobs, "--results", join(folder, "results")],
      {
        stdout: "pipe",
        stderr: "pipe",
        env: { ...process.env, WINNOW_HOME: join(folder, "home") },
      },
    )
    const stderr = new Response(child.stderr).text()
    const milliseconds = 400 + rng.below(pick(rng, [2000, 8000, 15_000]))
    const damage = `${signal} after ${milliseconds} ms, ${jobs} jobs`
    tell(damage)
    await Promise.race([Bun.sleep(milliseconds), child.exited])
    const ended = child.exitCode !== null
    const [began, before] = [performance.now(), computedBy(child.pid)]
    child.kill(signal)
    const code = await child.exited
    const waited = (performance.now() - began) / 1000
    const seconds = Number(child.resourceUsage()!.cpuTime.total) / 1e6 - before
    const text = (await stderr).split("\n").slice(-6).join("\n")
    const detail = `${waited.toFixed(2)} s, computing ${seconds.toFixed(2)} s, exit code ${code}: ${text}`
    if (ended) return { outcome: code === 0 ? "same" : "wrong", damage, detail }
    if (seconds > patience) return { outcome: "wrong", damage, detail }
    // The system ends a process that has not run its first lines yet.
    const clean = code === 130 || (text === "" && (child.signalCode === signal || code > 128))
    return { outcome: clean ? "refused" : "wrong", damage, detail }
  },
}
