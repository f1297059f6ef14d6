/**
 * A sweep on a simulated cluster: the real scheduler, launcher, plan, queue and store; a cluster, stages and a clock that
 * are simulated.
 */
import { statSync } from "node:fs"
import { join } from "node:path"
import { datasetsLayer } from "@winnow/data"
import { median } from "@winnow/numerics"
import { Clock, Effect, Layer } from "effect"
import { launchesIn } from "../../src/launch/launch-folder.ts"
import { Launcher } from "../../src/launch/launcher.ts"
import { Runner } from "../../src/launch/runner.ts"
import { SlurmClient } from "../../src/launch/slurm/client.ts"
import { slurm } from "../../src/launch/slurm/slurm.ts"
import { Progress, type ProgressEvent } from "../../src/progress.ts"
import { runAll } from "../../src/schedule/run-all.ts"
import { inOrder } from "../../src/stage.ts"
import { makeStore, Store } from "../../src/store/store.ts"
import { type ClusterFigures, simulatedCluster } from "./cluster.ts"
import { type SweepSize, sweepOf } from "./sweep.ts"
import { virtualClock } from "./virtual-clock.ts"

export interface SimulationOptions extends SweepSize {
  /** Folder of the store. */
  readonly home: string
  /** Jobs that run at once. */
  readonly slots: number
  /** One job in so many loses its process or its node; 0 for none. */
  readonly failsOneIn: number
}

export interface Simulation {
  readonly stages: number
  readonly stored: number
  readonly failed: number
  /** Hours that the sweep takes on the cluster, and the share of its places that compute. */
  readonly clusterHours: number
  readonly busyShare: number
  readonly cluster: ClusterFigures
  /** Seconds of this process: all, by the wall, and CPU without the simulated cluster and the artifacts that it writes. */
  readonly wallSeconds: number
  readonly cpuSeconds: number
  /** CPU seconds until the cluster has all jobs. */
  readonly submitCpuSeconds: number
  readonly cpuSecondsPerClusterHour: number
  /** Seconds of the cluster between the end of a stage and its report. */
  readonly lateSeconds: { readonly median: number; readonly most: number }
  readonly planBytes: number
  readonly peakMegabytes: number
  /** CPU seconds of the same command once the store has everything, and of listing the manifests of all arms. */
  readonly againCpuSeconds: number
  readonly manifestsCpuSeconds: number
}

const cpuSeconds = (since?: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1e6
}

/** Runs a sweep to its end. */
export const simulate = async (options: SimulationOptions): Promise<Simulation> => {
  const { home, slots, failsOneIn, ...size } = options
  const { leaves, seconds } = sweepOf(size)
  const stages = new Map(inOrder(leaves).map((stage) => [stage.key, stage]))
  const clock = virtualClock()
  const store = makeStore(home)
  const make = (key: string) => {
    const { kind, made, inputs, run } = stages.get(key)!
    return Effect.gen(function* () {
      const artifacts = inputs.map((input) => store.find(input.kind, input.key)!)
      const context = { key, inputs: artifacts, progress: () => {}, note: () => {}, warn: () => {}, metric: () => {} }
      yield* store.obtain({
        ...{ stage: kind, key, made, inputs: artifacts, versions: {} },
        run: (directory) => run({ ...context, directory }),
      })
    }).pipe(Effect.provide(datasetsLayer({ folder: undefined })))
  }
  const cluster = simulatedCluster({ slots, failsOneIn, secondsOf: (key) => seconds.get(key)!, make, clock })

  const late: Array<number> = []
  let submitted: number | undefined
  let planBytes = 0
  const byLabel = new Map([...stages.values()].map(({ label, key }) => [label, key]))
  const before = process.cpuUsage()
  const began = performance.now()
  const report = (event: ProgressEvent) => {
    if (event._tag === "queue" && submitted === undefined) {
      submitted = cpuSeconds(before) - cluster.figures().ownCpu / 1000
      planBytes = Math.max(0, ...launchesIn(home).map((folder) => statSync(join(folder, "launch.json")).size))
    }
    if (event._tag !== "done") return
    const end = cluster.endOf(byLabel.get(event.stage)!)
    if (end !== undefined) late.push(clock.now() - end)
  }
  // No process builds these stages again, so the experiment is a name alone.
  const experiment = {
    slug: "sweep",
    file: join(home, "sweep.ts"),
    preset: null,
    plugins: [],
    part: null,
    config: {},
    texts: [],
  }
  const running = Effect.gen(function* () {
    const launcher = yield* Launcher
    const runner = yield* launcher.runner({ experiment, memory: 1e9 })
    return yield* Effect.provideService(runAll(leaves), Runner, runner)
  }).pipe(
    Effect.scoped,
    Effect.provideService(SlurmClient, cluster.calls),
    Effect.provide(
      Layer.mergeAll(
        slurm(),
        Store.layer(home),
        datasetsLayer({ folder: undefined }),
        Layer.succeed(Progress, { report }),
      ),
    ),
  )
  const run = () => clock.drive(Effect.runPromise(Effect.provideService(running, Clock.Clock, clock.clock)))
  const { artifacts, failed } = await run()
  const wallSeconds = (performance.now() - began) / 1000
  const figures = cluster.figures()
  const cpu = cpuSeconds(before) - figures.ownCpu / 1000
  const ends = [...stages.keys()].flatMap((key) => cluster.endOf(key) ?? [])
  const clusterSeconds = Math.max(...ends)

  const lateSeconds = { median: median(late), most: Math.max(...late) }

  const beforeAgain = process.cpuUsage()
  await run()
  const againCpuSeconds = cpuSeconds(beforeAgain)
  const beforeManifests = process.cpuUsage()
  const arms = store.manifests("arm").length
  if (arms !== size.arms * size.seeds) throw new Error(`the store has ${arms} arms`)
  const manifestsCpuSeconds = cpuSeconds(beforeManifests)
  return {
    stages: stages.size,
    stored: artifacts.size,
    failed: failed.size,
    clusterHours: clusterSeconds / 3600,
    busyShare: figures.busySeconds / (clusterSeconds * slots),
    cluster: figures,
    wallSeconds,
    cpuSeconds: cpu,
    submitCpuSeconds: submitted ?? Number.NaN,
    cpuSecondsPerClusterHour: (cpu - (submitted ?? 0)) / (clusterSeconds / 3600),
    lateSeconds,
    planBytes,
    peakMegabytes: process.resourceUsage().maxRSS / 1024,
    againCpuSeconds,
    manifestsCpuSeconds,
  }
}
