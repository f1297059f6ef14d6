/** The jobs of one launch in the queue: submits them, and tells how each ends. */
import { readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { DataError, InvalidInput } from "@winnow/core"
import { releaseJob, writeWhole } from "@winnow/files"
import { Deferred, Effect, Semaphore } from "effect"
import { type Stage, sharersOf } from "../../stage.ts"
import { withLock } from "../../store/lock.ts"
import type { StoreService } from "../../store/store.ts"
import { jobsOf, messagesOf, noteJob } from "../launch-folder.ts"
import { isLive as isLiveState, type JobState, SlurmClient, type SlurmFailed } from "./client.ts"
import { type Group, groupsOf } from "./groups.ts"
import { jobScript } from "./script.ts"
import { resourceArguments, type SlurmSettings } from "./settings.ts"

/** Characters of a job's output in messages. */
const outputLength = 2000

export interface QueueOptions {
  readonly folder: string
  /** The name of all jobs of the launch. */
  readonly name: string
  readonly settings: SlurmSettings
  /** Estimated bytes of a stage. */
  readonly memory: number
  /** Processes that share a training. */
  readonly devices: number
  readonly store: StoreService
  /** Told once of each trouble with the clients. */
  readonly say: (text: string) => void
}

export interface Queue {
  /** Submits stages that no live job computes yet, as few jobs that wait for each other. A full queue takes only some. */
  readonly submitAll: (stages: ReadonlyArray<Stage>) => Effect.Effect<void, DataError | InvalidInput>
  /** Submits one stage whose inputs are stored, unless a live job computes it; returns the job. Waits while the queue is full. */
  readonly submitOne: (stage: Stage) => Effect.Effect<string, DataError | InvalidInput>
  /** The last job of a stage, if it is known to live or was not looked at since its submission. */
  readonly jobOf: (key: string) => string | undefined
  /** True if this launch has submitted the stage, now or in an earlier run of the command. */
  readonly wasSubmitted: (key: string) => boolean
  /** Waits for the end of a job. */
  readonly end: (job: string) => Effect.Effect<JobState>
  /** Waits until a job was seen to run, or to be over. */
  readonly begun: (job: string) => Effect.Effect<void>
  /** Looks at the queue, and lets `end` return for the jobs that are over. */
  readonly look: Effect.Effect<ReadonlyMap<string, JobState>>
  /** Removes the lock of a stage if an ended job holds it still. */
  readonly release: (stage: Stage, job: string) => Effect.Effect<void>
  /** The end of a job's output. */
  readonly outputOf: (job: string) => string
  /** Ids of the jobs that may still run. */
  readonly live: Effect.Effect<ReadonlyArray<string>>
}

const refused = (what: string) => (error: SlurmFailed) =>
  new DataError({ message: `${what}: ${error.message}`, cause: error })

const unknownJob: JobState = { state: "UNKNOWN", reason: "Slurm knows it no more", nodes: "" }

/** The queue of a launch. @error DataError if no cluster answers */
export const openQueue = (options: QueueOptions): Effect.Effect<Queue, DataError> =>
  Effect.gen(function* () {
    const { folder, name, settings, memory, devices, store, say } = options
    const client = yield* SlurmClient
    const { name: clusterName, largestArray } = yield* client.cluster.pipe(
      Effect.mapError(refused("--launcher slurm needs a cluster, and none answers")),
    )
    const jobs = new Map(jobsOf(folder))
    /** The last look at the queue. */
    let seen: ReadonlyMap<string, JobState> = new Map()
    /** Jobs that were submitted after the last look. */
    const unseen = new Set<string>()
    const waiting = new Map<string, Deferred.Deferred<JobState>>()
    const pending = new Map<string, Deferred.Deferred<void>>()
    const over = new Map<string, JobState>()
    const tried = new Set<string>()
    const troubles = new Set<string>()
    let count = 0

    const isLive = (job: string) => unseen.has(job) || (seen.has(job) && isLiveState(seen.get(job)!))
    const liveJobs = () => [...new Set(jobs.values())].filter(isLive)
    const jobOf = (key: string) => {
      const job = jobs.get(key)
      return job !== undefined && isLive(job) ? job : undefined
    }

    const look = Effect.gen(function* () {
      const before = new Set(unseen)
      const now = yield* Effect.result(client.queued(name))
      if (now._tag === "Failure") {
        const text = `Slurm does not answer, the command goes on asking: ${now.failure.message}`
        if (!troubles.has(text)) say(text)
        troubles.add(text)
        return seen
      }
      troubles.clear()
      seen = now.success
      for (const job of before) unseen.delete(job)
      for (const [job, deferred] of waiting) {
        if (isLive(job)) continue
        const state = seen.get(job) ?? (yield* client.ended(job)) ?? unknownJob
        // A job that is queued again may be seen as ended for a moment.
        if (state.state !== "COMPLETED" && !over.has(job)) {
          over.set(job, state)
          continue
        }
        waiting.delete(job)
        yield* Deferred.succeed(deferred, state)
      }
      for (const job of over.keys()) if (isLive(job)) over.delete(job)
      for (const [job, deferred] of pending) {
        if (unseen.has(job) || seen.get(job)?.state === "PENDING") continue
        pending.delete(job)
        yield* Deferred.succeed(deferred, undefined)
      }
      return seen
    })

    const argumentsOf = (stage: Stage) => resourceArguments(settings, stage, memory, sharersOf(stage, devices))
    const launchArguments = [
      ...[`--job-name=${name}`, "--requeue", "--open-mode=append", "--kill-on-invalid-dep=yes"],
      ...[`--signal=B:USR2@${settings.warn ?? 120}`, `--chdir=${process.cwd()}`],
    ]
    const scriptOf = (tasks: Group["tasks"], stage: Stage) =>
      Effect.try({
        try: () => {
          const file = join(folder, "jobs", `${Date.now()}-${process.pid}-${count++}.sh`)
          writeWhole(file, jobScript(folder, tasks, settings.preamble, sharersOf(stage, devices)))
          return file
        },
        catch: (error) => new DataError({ message: String(error instanceof Error ? error.message : error) }),
      })
    /** Submits a group, and notes its jobs. */
    const submit = (tasks: Group["tasks"], stages: ReadonlyMap<string, Stage>, dependency: ReadonlyArray<string>) =>
      Effect.gen(function* () {
        const [[first, key]] = [...tasks] as [[number, string]]
        const stage = stages.get(key)!
        const own = argumentsOf(stage)
        const script = yield* scriptOf(tasks, stage)
        const shape = own.join(" ")
        if (!tried.has(shape)) {
          const what = `sbatch ${shape}`
          yield* Effect.catchTag(client.tryOut(own, script), "SlurmFailed", ({ message }) => {
            const problems = [
              `the cluster refuses it (${message}); set what it takes in slurm.json, see docs/clusters.md`,
            ]
            return Effect.fail(new InvalidInput({ what, problems }))
          })
          tried.add(shape)
        }
        const isArray = tasks.size > 1
        const of = [
          `--comment=${stage.label}${isArray ? ` and ${tasks.size - 1} like it` : ""}`,
          `--output=${join(folder, "logs", isArray ? "%A_%a.out" : "%j.out")}`,
          ...(isArray ? [`--array=${[...tasks.keys()].join(",")}`] : []),
          ...(dependency.length > 0 ? [`--dependency=${dependency.join(",")}`] : []),
        ]
        // A stop in between would leave a job that no later command knows.
        const id = yield* Effect.uninterruptible(
          Effect.gen(function* () {
            // Messages of an earlier job are not those of this one.
            for (const key of tasks.values()) rmSync(messagesOf(folder, key), { force: true })
            const id = yield* client.submit([...launchArguments, ...own, ...of], script)
            for (const [task, key] of tasks) {
              const job = isArray ? `${id}_${task}` : id
              jobs.set(key, job)
              unseen.add(job)
              noteJob(folder, { key, job })
            }
            return id
          }),
        )
        return { id, isArray, first }
      })
    const noted = Effect.sync(() => {
      for (const [key, job] of jobsOf(folder)) jobs.set(key, job)
    })
    const turns = yield* Semaphore.make(1)
    /** One process at a time submits the jobs of a launch, and in a process one stage at a time. */
    const submitting = <A, E>(use: Effect.Effect<A, E>) =>
      turns.withPermits(1)(
        withLock(
          join(folder, "submit.lock"),
          (holder) => say(`${holder} submits the jobs of this run; waiting for it`),
          Effect.andThen(noted, use),
        ),
      )
    const room = () => (settings.maxJobs ?? Number.POSITIVE_INFINITY) - liveJobs().length

    const submitAll: Queue["submitAll"] = (stages) =>
      Effect.gen(function* () {
        yield* look
        const byKey = new Map(stages.map((stage) => [stage.key, stage]))
        const missing = yield* Effect.filter(stages, ({ kind, key }) =>
          Effect.map(store.seek(kind, key), (stored) => stored === undefined && jobOf(key) === undefined),
        )
        const absent = new Set(missing.map(({ key }) => key))
        const members = missing.map((stage) => ({
          key: stage.key,
          like: JSON.stringify([stage.kind, argumentsOf(stage)]),
          // An input outside of these is stored, or computed by a live job.
          needs: [...new Set(stage.inputs.map(({ key }) => key))].filter(
            (key) => absent.has(key) || jobOf(key) !== undefined,
          ),
        }))
        const submitted: Array<{ readonly id: string; readonly isArray: boolean }> = []
        for (const { tasks, after, beside, outside } of groupsOf(members, largestArray)) {
          if (tasks.size > room()) return
          const jobAt = ({ group, task }: Group["after"][number]) => {
            const { id, isArray } = submitted[group]!
            return isArray ? `${id}_${task}` : id
          }
          const okay = [...after.map(jobAt), ...outside.flatMap((key) => jobOf(key) ?? [])]
          const dependency = [
            ...(okay.length > 0 ? [`afterok:${okay.join(":")}`] : []),
            ...(beside === undefined ? [] : [`aftercorr:${submitted[beside]!.id}`]),
          ]
          submitted.push(yield* submit(tasks, byKey, dependency))
        }
      }).pipe(
        submitting,
        // The rest is submitted stage by stage, as inputs are stored.
        Effect.catchTag("QueueFull", ({ message }) =>
          Effect.sync(() => say(`the queue is full (${message}); the other stages follow as there is room`)),
        ),
        Effect.catchTag("SlurmFailed", (error) => Effect.fail(refused("sbatch")(error))),
      )

    const pause = Effect.sleep((settings.poll ?? 5) * 1000)
    const submitOne: Queue["submitOne"] = (stage) =>
      Effect.gen(function* () {
        for (;;) {
          const live = jobOf(stage.key)
          if (live !== undefined) return live
          const once = Effect.gen(function* () {
            const meanwhile = jobOf(stage.key)
            if (meanwhile !== undefined) return meanwhile
            if (room() < 1) return undefined
            yield* submit(new Map([[0, stage.key]]), new Map([[stage.key, stage]]), [])
            return jobs.get(stage.key)
          })
          const job = yield* submitting(once).pipe(
            Effect.catchTag("QueueFull", () => Effect.succeed(undefined)),
            Effect.catchTag("SlurmFailed", (error) => Effect.fail(refused("sbatch")(error))),
          )
          if (job !== undefined) return job
          yield* pause
        }
      })

    return {
      submitAll,
      submitOne,
      jobOf,
      wasSubmitted: (key) => jobs.has(key),
      end: (job) =>
        Effect.gen(function* () {
          const known = waiting.get(job)
          if (known !== undefined) return yield* Deferred.await(known)
          const deferred = yield* Deferred.make<JobState>()
          waiting.set(job, deferred)
          return yield* Deferred.await(deferred)
        }),
      begun: (job) =>
        Effect.gen(function* () {
          const deferred = pending.get(job) ?? (yield* Deferred.make<void>())
          pending.set(job, deferred)
          return yield* Deferred.await(deferred)
        }),
      look,
      release: ({ kind, key }, job) =>
        Effect.promise(() =>
          releaseJob(join(store.home, "locks", `${kind}-${key}.lock`), `slurm ${clusterName} ${job}`).catch(() => {}),
        ),
      outputOf: (job) => {
        try {
          return readFileSync(join(folder, "logs", `${job}.out`), "utf8")
            .slice(-outputLength)
            .trim()
        } catch {
          return ""
        }
      },
      live: Effect.map(look, liveJobs),
    }
  })
