/** The clients of Slurm as functions: sbatch, squeue, sacct or scontrol, scancel. */
import { spawn } from "node:child_process"
import { Context, Data, Effect } from "effect"

/** A client of Slurm that failed, with its message. */
export class SlurmFailed extends Data.TaggedError("SlurmFailed")<{ readonly message: string }> {}

/** The queue takes no more jobs now. */
export class QueueFull extends Data.TaggedError("QueueFull")<{ readonly message: string }> {}

/** A job as Slurm tells it. */
export interface JobState {
  /** In Slurm's words: PENDING, RUNNING, TIMEOUT, ... */
  readonly state: string
  /** The reason why it waits, or ended. */
  readonly reason: string
  /** The nodes that it runs on, or ran on. */
  readonly nodes: string
}

/** States in which a job may still run, now or later. */
const alive = new Set(
  "PENDING CONFIGURING RUNNING COMPLETING SUSPENDED STOPPED SIGNALING STAGE_OUT RESIZING REQUEUED REQUEUE_FED REQUEUE_HOLD SPECIAL_EXIT RESV_DEL_HOLD".split(
    " ",
  ),
)
/** True if a job may still run. */
export const isLive = ({ state }: JobState): boolean => alive.has(state)

/** The environment of a client: that of this process, without what a job of Slurm has around it. */
const environment = (): Record<string, string | undefined> =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(SLURM_(?!CONF$)|SBATCH_|WINNOW_JOB)/.test(name)),
  )

/** Texts of sbatch about a queue that is full; it would wait and try again by itself for two minutes. */
const fullTexts =
  /queue full|temporarily unable to accept job|Resource temporarily unavailable|MaxSubmitJob|MaxJobCount|JobSubmitLimit|job submit limit/i

/**
 * Runs a client to its end.
 *
 * @param limit milliseconds after which it is killed
 * @error SlurmFailed with its message; QueueFull, at once, where sbatch says so
 */
const client = (
  command: string,
  args: ReadonlyArray<string>,
  limit = 60_000,
): Effect.Effect<string, SlurmFailed | QueueFull> =>
  Effect.callback((resume) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], env: environment() })
    let [out, err] = ["", ""]
    const fail = (message: string) => resume(Effect.fail(new SlurmFailed({ message: `${command}: ${message}` })))
    const timer = setTimeout(() => child.kill("SIGKILL"), limit)
    child.stdout.on("data", (text) => {
      out += String(text)
    })
    child.stderr.on("data", (text) => {
      err += String(text)
      if (fullTexts.test(err)) child.kill("SIGKILL")
    })
    child.on("error", (error) => fail(error.message))
    child.on("close", (code) => {
      clearTimeout(timer)
      if (code === 0) return resume(Effect.succeed(out))
      const message = err.trim().replaceAll(/^\w+: (error: )?/gm, "")
      if (fullTexts.test(err)) return resume(Effect.fail(new QueueFull({ message })))
      fail(message || `ended with ${code ?? `no answer after ${limit / 1000} s`}`)
    })
  })

const withoutFull = <A>(running: Effect.Effect<A, SlurmFailed | QueueFull>): Effect.Effect<A, SlurmFailed> =>
  Effect.catchTag(running, "QueueFull", ({ message }) => Effect.fail(new SlurmFailed({ message })))

/** Submits a script; returns the id of its job, or of its array. */
const submit = (args: ReadonlyArray<string>, script: string): Effect.Effect<string, SlurmFailed | QueueFull> =>
  // "id" or "id;cluster"
  Effect.map(client("sbatch", ["--parsable", ...args, script], 180_000), (out) => out.trim().split(";")[0]!)

/** Asks if the cluster could ever run such a job. @error SlurmFailed with the reason why not; QueueFull if it cannot say now */
const tryOut = (args: ReadonlyArray<string>, script: string): Effect.Effect<void, SlurmFailed | QueueFull> =>
  Effect.asVoid(client("sbatch", ["--test-only", ...args, script]))

/** Jobs from lines of `id|state|reason|nodes`. */
export const parsedJobs = (out: string): ReadonlyMap<string, JobState> =>
  new Map(
    out.split("\n").flatMap((line) => {
      const [id, state, reason = "", nodes = ""] = line.split("|")
      // "CANCELLED by 1000" of sacct
      return id && state ? [[id, { state: state.split(" ")[0]!, reason, nodes }] as const] : []
    }),
  )

/** All jobs of a name that the controller still knows, by id; of an array each task, as 12_3. */
const queued = (name: string): Effect.Effect<ReadonlyMap<string, JobState>, SlurmFailed> =>
  Effect.map(
    withoutFull(client("squeue", ["--noheader", "--array", "--states=all", `--name=${name}`, "--format=%i|%T|%r|%N"])),
    parsedJobs,
  )

/** An ended job that the queue no longer has: from the accounts, or without those from the controller. */
const ended = (id: string): Effect.Effect<JobState | undefined> => {
  const accounts = client("sacct", [
    "--noheader",
    "--parsable2",
    "--allocations",
    `--jobs=${id}`,
    "--format=JobID,State,Reason,NodeList",
  ])
  const controller = Effect.map(client("scontrol", ["--oneliner", "show", "job", id]), (line) => {
    const field = (name: string) => new RegExp(`\\b${name}=(\\S+)`).exec(line)?.[1] ?? ""
    return new Map([[id, { state: field("JobState"), reason: field("Reason"), nodes: field("NodeList") }]])
  })
  return Effect.map(accounts, parsedJobs).pipe(
    Effect.filterOrElse(
      (jobs) => jobs.has(id),
      () => controller,
    ),
    Effect.catch(() => controller),
    Effect.map((jobs) => jobs.get(id)),
    Effect.catch(() => Effect.succeed(undefined)),
  )
}

/** Facts of the cluster: its name, and the most tasks of an array. */
const cluster: Effect.Effect<{ readonly name: string; readonly largestArray: number }, SlurmFailed> = Effect.map(
  withoutFull(client("scontrol", ["show", "config"])),
  (text) => ({
    name: /ClusterName\s*=\s*(\S+)/.exec(text)?.[1] ?? "",
    largestArray: Math.max(1, Number(/MaxArraySize\s*=\s*(\d+)/.exec(text)?.[1] ?? 1001)),
  }),
)

/** Ends jobs. */
const cancel = (ids: ReadonlyArray<string>): Effect.Effect<void, SlurmFailed> =>
  ids.length === 0 ? Effect.void : withoutFull(Effect.asVoid(client("scancel", ids)))

/** The calls of Slurm that a launch needs. */
export interface SlurmCalls {
  readonly submit: typeof submit
  readonly tryOut: typeof tryOut
  readonly queued: typeof queued
  readonly ended: typeof ended
  readonly cluster: typeof cluster
  readonly cancel: typeof cancel
}

/** The cluster that a launch talks to: by default the one that this machine's clients know. */
export const SlurmClient = Context.Reference<SlurmCalls>("@winnow/lab/SlurmClient", {
  defaultValue: () => ({ submit, tryOut, queued, ended, cluster, cancel }),
})
