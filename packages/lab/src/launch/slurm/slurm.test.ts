/** Stages as jobs of a real Slurm cluster: two nodes on this machine, of which the test kills one. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openEngine } from "@winnow/tensor"
import { Glob } from "bun"
import { Effect, Fiber } from "effect"
import { type Cluster, startCluster, waitFor, whyNoCluster } from "../../../test/slurm/cluster.ts"
import { contentsOf, processesOf, slurmRun } from "../../../test/slurm/run.ts"
import { resumesOf } from "../../../test/store-contents.ts"
import type { ProgressEvent } from "../../progress.ts"
import { houseRoot } from "../../store/code/house.ts"
import { makeStore } from "../../store/store.ts"
import { launchesIn, readLaunch } from "../launch-folder.ts"
import { local } from "../launcher.ts"
import { launchesInQueue } from "./in-queue.ts"
import { slurm } from "./slurm.ts"

const why = whyNoCluster()
if (why !== undefined) console.log(`skipped: jobs of Slurm: ${why}`)

/**
 * Long enough to be stopped in the middle: some seconds of a training, with a checkpoint each tenth of a second. A fault
 * comes about a second after the first steps: their message is read twice a second, and clients of Slurm take a while.
 * A step of the arm, which writes half of its texts, takes three of the others.
 */
const long = ["target.pretraining.steps=3000", "draft.start.pretraining.steps=2000", "arms.all.steps=800"]

const checkpointSeconds = "0.1"

describe.skipIf(why !== undefined)("jobs of Slurm", () => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-slurm-"))
  const before = { ...process.env }
  let cluster: Cluster
  beforeAll(async () => {
    await openEngine()
    cluster = await startCluster(folder, { nodes: [1, 1] })
    Object.assign(process.env, cluster.env, { WINNOW_CHECKPOINT_SECONDS: checkpointSeconds })
  })
  afterAll(async () => {
    await cluster?.stop()
    for (const name of ["SLURM_CONF", "WINNOW_CHECKPOINT_SECONDS"]) {
      if (before[name] === undefined) delete process.env[name]
      else process.env[name] = before[name]
    }
    rmSync(folder, { recursive: true, force: true })
  })

  test("a node dies, a job is displaced, a process killed, a time ends: the bytes are those of one process", async () => {
    const home = join(folder, "faults")
    const notes: Array<string> = []
    const done: Array<string> = []
    type Fault = readonly [name: string, bring: (job: { id: string; node: string }) => Promise<void>]
    const faults: Readonly<Record<string, ReadonlyArray<Fault>>> = {
      target: [
        // Slurm itself queues its jobs again, on the other node.
        ["a node", (job) => cluster.lose(job)],
        // So it does with a job in the way of a more urgent one, after a SIGTERM.
        [
          "its place",
          async ({ id, node }) => {
            const resources = ["--partition=urgent", `--nodelist=${node}`, "--exclusive"]
            cluster.run("sbatch", ...resources, "--job-name=urgent", "--output=/dev/null", "--wrap=true")
            await cluster.hurry(id)
          },
        ],
      ],
      "draft start, seed 1": [
        // The job fails, and the command submits the stage again.
        [
          "its process",
          async () => {
            const { stages } = readLaunch(launchesIn(home)[0]!)
            const { key } = stages.find(({ label }) => label === "draft start, seed 1")!
            for (const pid of processesOf(key)) process.kill(pid, "SIGKILL")
          },
        ],
      ],
      "arm all, seed 1": [
        // The signal of the time limit: a checkpoint, then the job queues itself again.
        [
          "its time",
          async ({ id }) => {
            cluster.run("scancel", "--batch", "--signal=USR2", id)
            await cluster.hurry(id)
          },
        ],
      ],
    }
    const next = new Map<string, number>()
    const working = new Map<string, Promise<void>>()
    const report = (event: ProgressEvent) => {
      if (event._tag === "note") notes.push(event.text)
      if (event._tag !== "progress" || event.unit !== "steps" || event.done < 3 || working.has(event.stage)) return
      const [name, bring] = faults[event.stage]?.[next.get(event.stage) ?? 0] ?? []
      const job = bring && cluster.jobOf(event.stage)
      if (bring === undefined || job === undefined) return
      done.push(`${event.stage}: ${name}`)
      next.set(event.stage, (next.get(event.stage) ?? 0) + 1)
      working.set(
        event.stage,
        bring(job).then(() => void working.delete(event.stage)),
      )
    }
    const finished = await Effect.runPromise(slurmRun({ home, set: long, launcher: slurm(), report }))
    await Promise.all(working.values())
    expect(done.toSorted()).toEqual([
      "arm all, seed 1: its time",
      "draft start, seed 1: its process",
      "target: a node",
      "target: its place",
    ])
    // Each attempt after a fault went on from a checkpoint.
    const { root } = makeStore(home)
    const stages: ReadonlyArray<{ kind: string; label: string; key: string }> = JSON.parse(
      readFileSync(join(finished.directory, "run.json"), "utf8"),
    ).stages
    const resumes = stages
      .filter(({ label }) => faults[label] !== undefined)
      .map(({ kind, label, key }) => [label, resumesOf(join(root, kind, key)).length])
    expect(resumes.toSorted()).toEqual([
      ["arm all, seed 1", 1],
      ["draft start, seed 1", 1],
      ["target", 2],
    ])
    expect(notes.filter((text) => text.includes("it is submitted again"))).toEqual([
      expect.stringMatching(/^draft start, seed 1: job \d+ ended as FAILED; it is submitted again$/),
    ])
    // Nothing is left of the launch.
    expect(launchesIn(home)).toEqual([])

    const alone = join(folder, "alone")
    delete process.env["WINNOW_CHECKPOINT_SECONDS"] // This run is not stopped.
    const expected = await Effect.runPromise(slurmRun({ home: alone, set: long, launcher: local }))
    process.env["WINNOW_CHECKPOINT_SECONDS"] = checkpointSeconds
    expect(contentsOf(home, finished)).toEqual(contentsOf(alone, expected))
    expect(finished.computed).toBe(expected.computed)
  }, 1_200_000)

  test("trainings that two tasks on two nodes share have the bytes of one process", async () => {
    const micro = ["target.pretraining", "draft.start.pretraining", "arms.all"].map((at) => `${at}.microBatches=2`)
    const set = [...micro, "target.pretraining.steps=6", "draft.start.pretraining.steps=5", "arms.all.steps=5"]
    const [home, alone] = [join(folder, "shared"), join(folder, "shared-alone")]
    let nodes = ""
    const report = (event: ProgressEvent) => {
      if (event._tag === "progress" && event.unit === "steps") nodes ||= cluster.jobOf(event.stage)?.node ?? ""
    }
    // The names of the nodes of this cluster lead nowhere.
    const slurmJson = { preamble: "export WINNOW_HOST=127.0.0.1" }
    const launcher = slurm({ devices: 2 })
    const finished = await Effect.runPromise(slurmRun({ home, set, launcher, slurm: slurmJson, report }))
    const expected = await Effect.runPromise(slurmRun({ home: alone, set, launcher: local }))
    expect(contentsOf(home, finished)).toEqual(contentsOf(alone, expected))
    expect(nodes).toBe("node[1-2]")
  }, 1_200_000)

  test("a stopped command leaves its jobs, which end without it, and the same command takes what they made", async () => {
    const home = join(folder, "left")
    const notes: Array<string> = []
    let stop = () => {}
    const report = (event: ProgressEvent) => {
      if (event._tag === "note") notes.push(event.text)
      if (event._tag === "queue" && /running/.test(event.text)) stop()
    }
    const fiber = Effect.runFork(slurmRun({ home, launcher: slurm(), report }))
    stop = () => fiber.interruptUnsafe()
    await Effect.runPromise(Fiber.await(fiber))
    // The first look at the queue may come before the second submission.
    expect(notes.at(-1)).toMatch(
      /^(1 job stays|\d+ jobs stay) in Slurm's queue: .* scancel --name=winnow-[0-9a-f]{12} ends (it|them)$/,
    )
    const inQueue = () => Effect.runSync(Effect.result(Effect.sync(() => cluster.run("squeue", "--noheader"))))
    expect(await Effect.runPromise(launchesInQueue(home))).toMatchObject([
      { experiment: "000-killed", part: null, text: expect.stringMatching(/\d+ (running|waiting|after others)/) },
    ])
    await waitFor("an empty queue", 300, () => {
      const queue = inQueue()
      return queue._tag === "Success" && queue.success.trim() === ""
    })
    expect(await Effect.runPromise(launchesInQueue(home))).toEqual([])
    const { root } = makeStore(home)
    const made = () =>
      [...new Glob("*/*/manifest.json").scanSync(root)].map((at) => `${at} ${statSync(join(root, at)).ino}`)
    const before = made()
    expect(before.length).toBeGreaterThan(0)
    const finished = await Effect.runPromise(slurmRun({ home, launcher: slurm() }))
    expect(finished.computed).toBeGreaterThan(5)
    expect(finished.record?.missing).toEqual([])
    expect(cluster.run("squeue", "--noheader")).toBe("")
    // Nothing was made a second time.
    expect(made()).toEqual(expect.arrayContaining(before))
  }, 1_200_000)

  test("another login lists the jobs of a run; a stopped command cancels them where it is asked to", async () => {
    const home = join(folder, "cancelled")
    let stop = () => {}
    let listed: Promise<ReadonlyArray<string>> | undefined
    // Another login, on a machine of another name: only the store and the cluster are the same.
    const main = join(houseRoot, "packages/cli/src/main.ts")
    const elsewhere = ["unshare", "--uts", "sh", "-c", 'hostname elsewhere && exec "$@"', "sh", process.execPath, main]
    const runs = (...more: ReadonlyArray<string>) => {
      const { stdout } = Bun.spawn([...elsewhere, "runs", ...more], { env: { ...process.env, WINNOW_HOME: home } })
      return new Response(stdout).text()
    }
    const report = (event: ProgressEvent) => {
      if (event._tag !== "progress" || event.unit !== "steps" || listed !== undefined) return
      listed = Promise.all([runs(), runs("queue", "--json")]).finally(() => stop())
    }
    const set = ["target.pretraining.steps=100000", "draft.start.pretraining.steps=100000"]
    const fiber = Effect.runFork(slurmRun({ home, set, launcher: slurm({ onStop: "cancel" }), report }))
    stop = () => fiber.interruptUnsafe()
    await Effect.runPromise(Fiber.await(fiber))
    const [list, queue] = await listed!
    expect(list!.trimEnd().split("\n").at(-1)).toMatch(
      /^000-killed in Slurm's queue as winnow-[0-9a-f]{12}: \d+ running/,
    )
    expect(JSON.parse(queue!)).toMatchObject([
      { experiment: "000-killed", part: null, text: expect.stringMatching(/running/) },
    ])
    await waitFor("an empty queue", 60, () => cluster.run("squeue", "--noheader").trim() === "")
  })

  test("a cluster that refuses the resources is told before any work", async () => {
    const home = join(folder, "refused")
    const error = await Effect.runPromise(Effect.flip(slurmRun({ home, launcher: slurm(), slurm: { cores: 64 } })))
    expect(error.message).toMatch(
      /^sbatch .*--cpus-per-task=64.*: the cluster refuses it \(.+\); set what it takes in slurm\.json/,
    )
  })
})
