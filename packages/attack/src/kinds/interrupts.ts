/** Ctrl-C and its kin at a random moment of a command: it ends within a second or so, and the same command goes on. */
import { join } from "node:path"
import { computedBy } from "../computing.ts"
import type { Kind } from "../kind.ts"
import { pick } from "../random.ts"

const main = join(import.meta.dir, "..", "..", "..", "cli", "src", "main.ts")

/**
 * Seconds of computing, on all cores together, between the signal and the end of the process that count as heard: a second's
 * work on two cores and a checkpoint. A process that only waits comes to the trial's limit of time.
 */
const patience = 3

/** The kind. */
export const interrupts: Kind = {
  name: "interrupts",
  of: "runs of the quickstart, interrupted",
  whole: 60,
  seconds: 120,
  setUp: async (folder) => async (rng, _, tell) => {
    const signal = pick(rng, ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    const jobs = rng.below(4) === 0 ? "2" : "1"
    // one home for all trials: each goes on where the one before it was stopped, so that all phases are met
    const child = Bun.spawn(
      [process.execPath, main, "experiment", "--jobs", jobs, "--results", join(folder, "results")],
      {
        stdout: "pipe",
        stderr: "pipe",
        env: { ...process.env, WINNOW_HOME: join(folder, "home") },
      },
    )
    const said = new Response(child.stderr).text()
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
    const text = (await said).split("\n").slice(-6).join("\n")
    const detail = `${waited.toFixed(2)} s, of computing ${seconds.toFixed(2)} s, exit code ${code}: ${text}`
    if (ended) return { outcome: code === 0 ? "same" : "wrong", damage, detail }
    if (seconds > patience) return { outcome: "wrong", damage, detail }
    // before its first lines have run, a process ends as the system ends it
    const clean = code === 130 || (text === "" && (child.signalCode === signal || code > 128))
    return { outcome: clean ? "refused" : "wrong", damage, detail }
  },
}
