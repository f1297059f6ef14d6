/**
 * Slow drills on a cluster of the test, each compared byte by byte with a run of one process: a job past its time (Slurm
 * counts minutes), a controller that takes few jobs, a node that is declared down, a slurmd that is killed while its job
 * runs on, a node that is lost with one of two tasks of a training, a store that each node sees by a mount of its own, and
 * the quickstart with a node killed in it.
 * `bun packages/lab/test/slurm/drill.ts [time] [full] [down] [daemon] [peer] [mounts] [quickstart]`.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import { local, type ProgressEvent, slurm } from "../../src/index.ts"
import { type Cluster, type ClusterOptions, startCluster, whyNoCluster, whyNoMounts } from "./cluster.ts"
import { contentsOf, type SlurmRun, slurmRun } from "./run.ts"

const began = performance.now()
const say = (text: string) => console.log(`${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${text}`)

interface Of {
  /** Looks at the cluster once the run has ended. */
  readonly after?: (cluster: Cluster) => void
  /** Tasks that share a training. */
  readonly devices?: number
  /** Comes once, in the middle of the target's training. */
  readonly fault?: (cluster: Cluster, job: { readonly id: string; readonly node: string }) => Promise<void>
}

/** Runs on a cluster, and on one process; true if both left the same bytes. */
const drill = async (
  name: string,
  cluster: ClusterOptions,
  run: Omit<SlurmRun, "home" | "launcher">,
  { after = () => {}, devices = 1, fault }: Of = {},
) => {
  const folder = mkdtempSync(join(tmpdir(), `winnow-drill-${name}-`))
  const started = await startCluster(folder, cluster)
  Object.assign(process.env, started.env, { WINNOW_CHECKPOINT_SECONDS: "0.5" })
  let working: Promise<void> | undefined
  try {
    const report = (event: ProgressEvent) => {
      if (event._tag === "note" || event._tag === "queue") say(event.text)
      if (event._tag === "started") say(`${event.stage}${event.resuming ? ", going on" : ""}`)
      if (event._tag === "failed") say(event.message)
      if (fault === undefined || working !== undefined) return
      if (event._tag !== "progress" || event.stage !== "target" || event.unit !== "steps" || event.done < 3) return
      const job = started.jobOf(event.stage)
      if (job === undefined) return
      say(`${name}: job ${job.id} of ${job.node} after ${event.done} steps`)
      working = fault(started, job)
    }
    const [jobs, alone] = [join(started.shared, "jobs"), join(folder, "alone")]
    const [a, b] = [
      await Effect.runPromise(slurmRun({ ...run, home: jobs, launcher: slurm({ devices }), report })),
      await Effect.runPromise(slurmRun({ ...run, home: alone, launcher: local })),
    ]
    await working
    after(started)
    const same = Bun.deepEquals(contentsOf(jobs, a), contentsOf(alone, b))
    say(`${name}: ${same ? "the same bytes as one process" : "OTHER BYTES than one process"}`)
    return same
  } finally {
    await started.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Time enough for a fault in the middle. */
const long = { set: ["target.pretraining.steps=6000"] }

const drills: Readonly<Record<string, () => Promise<boolean>>> = {
  // Training takes longer than the shortest time limit, one minute. Slurm may signal a minute early, so a busy machine, where
  // a stage takes long to begin, can end with the error that it needs more time. Each restart waits for two minutes.
  time: () =>
    drill(
      "time",
      { nodes: [1, 1] },
      {
        set: [`target.pretraining.steps=${process.env["DRILL_STEPS"] ?? "100000"}`],
        slurm: { stages: { target: { time: "1" } }, warn: 20 },
      },
      {
        after: (cluster) => {
          const jobs = cluster.run("scontrol", "--oneliner", "show", "job")
          const restarts = [...jobs.matchAll(/Restarts=(\d+)/g)].map(([, n]) => Number(n))
          say(`restarts of the jobs: ${restarts.join(" ")}`)
          if (!restarts.some((n) => n > 0)) throw new Error("no job came to its time: set DRILL_STEPS to more")
        },
      },
    ),
  // The controller forgets a job some seconds after its end, and takes no more than three.
  full: () => drill("full", { nodes: [1, 1], maxJobs: 3, minJobAge: 2 }, {}),
  // An administrator takes the node away; Slurm queues its jobs again. slurmd, which runs on, brings it back by itself.
  down: () =>
    drill("down", { nodes: [1, 1] }, long, {
      fault: async (cluster, { id, node }) => {
        cluster.run("scontrol", "update", `NodeName=${node}`, "State=DOWN", "Reason=drill")
        await cluster.hurry(id)
      },
    }),
  // The job goes on, and so does its next attempt on the other node: two processes that compute one stage.
  daemon: () =>
    drill("daemon", { nodes: [1, 1] }, long, {
      fault: async (cluster, { id, node }) => {
        cluster.killDaemon(node)
        await cluster.until("down", [node])
        await cluster.hurry(id)
        await Bun.sleep(10_000)
        cluster.kill(node)
        cluster.boot(node)
      },
    }),
  // One of the two tasks of a training is lost with its node.
  peer: () =>
    drill(
      "peer",
      { nodes: [1, 1] },
      {
        set: ["target.pretraining.microBatches=2", "target.pretraining.steps=2000"],
        slurm: { preamble: "export WINNOW_HOST=127.0.0.1" },
      },
      {
        devices: 2,
        fault: async (cluster, { id }) => {
          cluster.kill("node2")
          await cluster.until("down", ["node2"])
          cluster.boot("node2")
          await cluster.hurry(id).catch((error) => say(String(error)))
        },
      },
    ),
  // The store is on a network's file system: each node has a mount and a memory of its own, and one is cut off.
  mounts: () =>
    drill("mounts", { nodes: [1, 1], mounts: true }, long, {
      fault: (cluster, job) => cluster.lose(job),
    }),
  // The experiment of the README, all arms and seeds, with two nodes of one core.
  quickstart: () =>
    drill(
      "quickstart",
      { nodes: [1, 1] },
      {
        of: {
          file: join(import.meta.dir, "../../../../experiments/001-quickstart/experiment.ts"),
          slug: "001-quickstart",
        },
      },
      {
        fault: (cluster, job) => cluster.lose(job),
      },
    ),
}

const chosen = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(drills)
const why = whyNoCluster() ?? (chosen.includes("mounts") ? whyNoMounts() : undefined)
if (why !== undefined) {
  console.log(why)
  process.exit(1)
}
await openEngine()
let good = true
for (const name of chosen) good = (await drills[name]!()) && good
process.exit(good ? 0 : 1)
