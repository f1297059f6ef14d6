/**
 * Slow drills on a cluster of the test, each compared byte by byte with a run of one process: a job past its time (Slurm
 * counts minutes), and a controller that takes few jobs. `bun packages/lab/test/slurm/drill.ts [time] [full]`.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import { local, type ProgressEvent, slurm } from "../../src/index.ts"
import { type Cluster, type ClusterOptions, startCluster, whyNoCluster } from "./cluster.ts"
import { contentsOf, type SlurmRun, slurmRun } from "./run.ts"

const began = performance.now()
const say = (text: string) => console.log(`${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${text}`)

/** Runs on a cluster, and on one process; true if both left the same bytes. */
const drill = async (
  name: string,
  cluster: ClusterOptions,
  run: Omit<SlurmRun, "home" | "launcher">,
  after: (cluster: Cluster) => void,
) => {
  const folder = mkdtempSync(join(tmpdir(), `winnow-drill-${name}-`))
  const started = await startCluster(folder, cluster)
  Object.assign(process.env, started.env)
  try {
    const report = (event: ProgressEvent) => {
      if (event._tag === "note" || event._tag === "queue") say(event.text)
      if (event._tag === "started") say(`${event.stage}${event.resuming ? ", going on" : ""}`)
    }
    const [jobs, alone] = [join(folder, "jobs"), join(folder, "alone")]
    const [a, b] = [
      await Effect.runPromise(slurmRun({ ...run, home: jobs, launcher: slurm(), report })),
      await Effect.runPromise(slurmRun({ ...run, home: alone, launcher: local })),
    ]
    after(started)
    const same = Bun.deepEquals(contentsOf(jobs, a), contentsOf(alone, b))
    say(`${name}: ${same ? "the same bytes as one process" : "OTHER BYTES than one process"}`)
    return same
  } finally {
    await started.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

const drills: Readonly<Record<string, () => Promise<boolean>>> = {
  // Training takes longer than the shortest time limit, one minute.
  time: () =>
    drill(
      "time",
      { nodes: [1, 1] },
      {
        set: [`target.pretraining.steps=${process.env["DRILL_STEPS"] ?? "15000"}`],
        slurm: { stages: { target: { time: "1" } }, warn: 20 },
      },
      (cluster) => {
        const restarts = [...cluster.run("scontrol", "--oneliner", "show", "job").matchAll(/Restarts=(\d+)/g)].map(
          ([, n]) => Number(n),
        )
        say(`restarts of the jobs: ${restarts.join(" ")}`)
      },
    ),
  // The controller forgets a job some seconds after its end, and takes no more than three.
  full: () => drill("full", { nodes: [1, 1], maxJobs: 3, minJobAge: 2 }, {}, () => {}),
}

const why = whyNoCluster()
if (why !== undefined) {
  console.log(why)
  process.exit(1)
}
await openEngine()
const chosen = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(drills)
let good = true
for (const name of chosen) good = (await drills[name]!()) && good
process.exit(good ? 0 : 1)
