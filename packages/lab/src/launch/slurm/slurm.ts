/**
 * Runs stages as jobs of a Slurm cluster that shares a folder with this machine: `--launcher slurm`.
 *
 * All stages are submitted at once and wait for each other in the queue, so the run goes on without this process. This
 * process watches: it shows states and progress, submits again what time, preemption or a node's failure ended, and takes
 * the artifacts from the store.
 */
import { existsSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { Effect, Layer } from "effect"
import { Progress } from "../../progress.ts"
import { errorFrom, type FromWorker, fromWorker, parsed } from "../../schedule/messages.ts"
import { StageCrashed } from "../../schedule/outcome.ts"
import { type Ready, seenToday } from "../../schedule/run-stage.ts"
import type { Stage } from "../../stage.ts"
import { attemptMark } from "../../store/partial.ts"
import { type Artifact, Store } from "../../store/store.ts"
import { folderSettles, seekPatiently } from "../job.ts"
import { messagesOf } from "../launch-folder.ts"
import { Launcher, type LauncherService } from "../launcher.ts"
import { type PlannedLaunch, planLaunch } from "../plan-launch.ts"
import type { StageRunner } from "../runner.ts"
import type { JobState } from "./client.ts"
import { SlurmClient } from "./client.ts"
import { openQueue, type Queue } from "./queue.ts"
import { slurmSettings } from "./settings.ts"
import { statesText } from "./states-text.ts"

export interface SlurmOptions {
  /** A file of settings over the usual ones. */
  readonly settings?: string | undefined
  /** The fate of the jobs if this process is stopped before the run's end. */
  readonly onStop?: "leave" | "cancel"
  /** Processes that share a training, tasks of one job; 1 if left out. */
  readonly devices?: number
}

/** The name of a launch's jobs in the queue. */
export const jobName = (id: string): string => `winnow-${id}`

/** Ends that are the cluster's: the stage is submitted again, at most this often without a new checkpoint. */
const ofCluster = new Set(["NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "REVOKED", "UNKNOWN"])
const [mostOfCluster, mostOfStage] = [5, 1]

/** New messages of a stage since the last call. */
const tailOf = (file: string) => {
  let offset = 0
  return (): ReadonlyArray<FromWorker> => {
    if (!existsSync(file)) return []
    const { size } = statSync(file)
    if (size < offset) offset = 0 // It was submitted again.
    if (size === offset) return []
    const text = readFileSync(file).subarray(offset).toString()
    const whole = text.slice(0, text.lastIndexOf("\n") + 1)
    offset += Buffer.byteLength(whole)
    return whole.split("\n").flatMap((line) => (line === "" ? [] : (parsed(fromWorker, line) ?? [])))
  }
}

/** Runs the stages of one launch. */
const runnerOver = (queue: Queue, folder: string, plan: PlannedLaunch["plan"]): StageRunner => {
  /** By stage: earlier attempts without a new checkpoint, and the mark of the last one. */
  const attempts = new Map<string, { count: number; mark: string }>()
  /** Stages whose jobs run, and so whose messages are read. */
  let listeners = 0
  const crashed = (job: string, how: string) => {
    const output = queue.outputOf(job)
    const message = `job ${job} ${how}${output === "" ? "" : `: ${output}`}`
    return new StageCrashed({ message })
  }

  /** The error of an ended job; undefined if the stage is submitted again. */
  const afterEnd = (stage: Stage, job: string, { state, reason, nodes }: JobState, mark: string) => {
    const started = nodes !== "" && nodes !== "None assigned"
    if (state === "CANCELLED") return started || !/Dependency/.test(reason) ? crashed(job, "was cancelled") : undefined
    if (state === "OUT_OF_MEMORY")
      return crashed(job, `needs more memory: set it for stages of kind ${stage.kind} in slurm.json`)
    const before = attempts.get(stage.key) ?? { count: 0, mark }
    const count = before.mark === mark ? before.count + 1 : 1
    attempts.set(stage.key, { count, mark })
    if (count <= (ofCluster.has(state) ? mostOfCluster : mostOfStage)) return undefined
    if (state === "TIMEOUT")
      return crashed(job, `ran out of its time without a new checkpoint: give stages of kind ${stage.kind} more time`)
    return crashed(job, `ended as ${state}, and so did the one before it`)
  }

  const run = ({ stage, inputs, at }: Ready) =>
    Effect.gen(function* () {
      const store = yield* Store
      const { report } = yield* Progress
      // An artifact that jobs of this launch made is new to the run.
      const found = (artifact: Artifact) => seenToday({ ...artifact, reused: !queue.wasSubmitted(stage.key) }, stage)
      const stored = yield* store.seek(stage.kind, stage.key, inputs)
      if (stored) return found(stored)
      const tail = tailOf(messagesOf(folder, stage.key))
      let failure: Extract<FromWorker, { _tag: "failed" }> | undefined
      const listen = Effect.sync(() => {
        for (const message of tail()) {
          // A process that only lost another one knows no reason.
          if (message._tag === "failed" && !(failure && message.error._tag === "PeerLost")) failure = message
          if (message._tag !== "event") continue
          failure = undefined
          const { event } = message
          report("stage" in event ? { ...event, index: at.index, of: at.of } : event)
        }
      })
      for (;;) {
        const partial = join(store.root, stage.kind, `${stage.key}.partial`)
        const before = attemptMark(partial)
        if (!attempts.has(stage.key)) attempts.set(stage.key, { count: 0, mark: before })
        const job = yield* queue.submitOne(stage)
        // A job that waits has no messages; many that run are asked less often, as each look is one to the shared folder.
        const pause = Effect.suspend(() => Effect.sleep(Math.max(500, 5 * listeners)))
        const listening = Effect.andThen(
          queue.begun(job),
          Effect.acquireUseRelease(
            Effect.sync(() => void listeners++),
            () => Effect.forever(Effect.andThen(listen, pause)),
            () => Effect.sync(() => void listeners--),
          ),
        )
        const end = yield* Effect.raceFirst(queue.end(job), listening)
        yield* listen
        const artifact = yield* seekPatiently(store, stage, inputs, end.state === "COMPLETED" ? folderSettles : 0)
        if (artifact) return found(artifact)
        if (failure !== undefined) return yield* Effect.fail(errorFrom(failure.error))
        yield* queue.release(stage, job)
        const error = afterEnd(stage, job, end, attemptMark(partial))
        if (error !== undefined) return yield* error
        report({ _tag: "note", text: `${stage.label}: job ${job} ended as ${end.state}; it is submitted again` })
      }
    })

  return {
    slots: Number.POSITIVE_INFINITY,
    apart: true,
    expect: (stages, making) => Effect.andThen(plan(stages, making), queue.submitAll(stages)),
    run,
  }
}

/** Stages are jobs of a Slurm cluster. */
export const slurm = ({ settings: named, onStop = "leave", devices = 1 }: SlurmOptions = {}): Layer.Layer<never> => {
  const runner: LauncherService["runner"] = (launch) =>
    Effect.gen(function* () {
      const store = yield* Store
      const { report } = yield* Progress
      const say = (text: string) => report({ _tag: "note", text })
      const { home } = store
      const settings = yield* slurmSettings(home, launch.experiment.file, named)
      const { id, folder, plan, removeIfDone } = yield* planLaunch(launch)
      const name = jobName(id)
      const queue = yield* openQueue({ folder, name, settings, memory: launch.memory, devices, store, say })
      /** Looks at the queue until the run ends. */
      let shown = ""
      const watch = Effect.gen(function* () {
        const states = [...(yield* queue.look).values()].filter(({ state }) => state !== "COMPLETED")
        const text = states.length === 0 ? "" : `slurm: ${statesText(states)}`
        if (text !== shown) report({ _tag: "queue", text })
        shown = text
      })
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(watch, Effect.sleep((settings.poll ?? 5) * 1000))))
      yield* Effect.addFinalizer(() =>
        Effect.gen(function* () {
          const left = yield* queue.live
          if (left.length === 0) return yield* removeIfDone
          const one = left.length === 1
          const jobs = one ? "1 job" : `${left.length} jobs`
          if (onStop === "cancel") {
            yield* Effect.ignore((yield* SlurmClient).cancel(left))
            return say(`${jobs} cancelled in Slurm's queue; checkpoints stay`)
          }
          const [stay, them] = one ? ["stays", "it"] : ["stay", "them"]
          say(`${jobs} ${stay} in Slurm's queue: the same command joins ${them}, scancel --name=${name} ends ${them}`)
        }),
      )
      return runnerOver(queue, folder, plan)
    })
  return Layer.succeed(Launcher, { name: "slurm", devices, runner })
}
