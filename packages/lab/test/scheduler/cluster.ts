/**
 * A Slurm cluster of which only the answers are real: the calls that a launch makes, over a queue, dependencies, nodes
 * and failures that a clock moves. The end of a job writes its stage's artifact into the store.
 */
import { readFileSync } from "node:fs"
import { Effect } from "effect"
import { type JobState, parsedJobs, type SlurmCalls } from "../../src/launch/slurm/client.ts"
import type { VirtualClock } from "./virtual-clock.ts"

export interface ClusterOptions {
  /** Jobs that run at once. */
  readonly slots: number
  /** One job in so many loses its process or its node in the middle, by turns; 0 for none. */
  readonly failsOneIn: number
  readonly secondsOf: (key: string) => number
  /** The work of a job that succeeds. */
  readonly make: (key: string) => Effect.Effect<void, unknown>
  readonly clock: VirtualClock
}

interface Job {
  readonly id: string
  readonly key: string
  state: string
  reason: string
  node: string
  /** When it ends; while it runs. */
  endsAt: number
  endedAt: number
  /** Jobs that it still waits for. */
  readonly waits: Set<string>
  /** How it ends before its time. */
  breaks?: "node" | "process" | undefined
}

/** Figures of a simulated cluster. */
export interface ClusterFigures {
  readonly jobs: number
  readonly submissions: number
  readonly polls: number
  readonly largestListing: number
  readonly busySeconds: number
  readonly failures: number
  readonly nodeFailures: number
  /** CPU milliseconds of the simulation itself, with the artifacts that it writes. */
  readonly ownCpu: number
}

/** Seconds for which a controller remembers an ended job: MinJobAge. */
const remembered = 300

export const simulatedCluster = ({ slots, failsOneIn, secondsOf, make, clock }: ClusterOptions) => {
  const jobs = new Map<string, Job>()
  const tasksOf = new Map<string, Array<string>>()
  const waiters = new Map<string, Array<Job>>()
  const eligible: Array<Job> = []
  const running = new Set<Job>()
  const recent: Array<Job> = []
  const broken = new Set<string>()
  const storedAt = new Map<string, number>()
  let [ids, begun, time, first] = [0, 0, 0, 0]
  const figures = {
    submissions: 0,
    polls: 0,
    largestListing: 0,
    busySeconds: 0,
    failures: 0,
    nodeFailures: 0,
    ownCpu: 0,
  }

  const counted = <A, E>(work: Effect.Effect<A, E>) =>
    clock.held(
      Effect.suspend(() => {
        const before = process.cpuUsage()
        return Effect.ensuring(
          work,
          Effect.sync(() => {
            const { user, system } = process.cpuUsage(before)
            figures.ownCpu += (user + system) / 1000
          }),
        )
      }),
    )
  /** Starts what waits for nothing but a place. */
  const start = () => {
    while (running.size < slots && first < eligible.length) {
      const job = eligible[first++]!
      if (job.state !== "PENDING") continue
      begun++
      // A stage breaks once, at most.
      const breaks = failsOneIn > 0 && begun % failsOneIn === 0 && !broken.has(job.key)
      if (breaks) broken.add(job.key)
      job.breaks = breaks ? (begun % (2 * failsOneIn) === 0 ? "node" : "process") : undefined
      const took = secondsOf(job.key) * (breaks ? 0.5 : 1)
      Object.assign(job, { state: "RUNNING", reason: "None", node: `node-${begun % slots}`, endsAt: time + took })
      figures.busySeconds += took
      running.add(job)
    }
  }
  const end = (job: Job, state: string, reason = "None") => {
    Object.assign(job, { state, reason, endedAt: time })
    recent.push(job)
    for (const waiter of waiters.get(job.id) ?? []) {
      if (waiter.state !== "PENDING") continue
      if (state !== "COMPLETED") end(waiter, "CANCELLED", "DependencyNeverSatisfied")
      else if (waiter.waits.delete(job.id) && waiter.waits.size === 0) eligible.push(waiter)
    }
    waiters.delete(job.id)
  }
  /** Lets the cluster work until now. */
  const advance = Effect.gen(function* () {
    const now = clock.now()
    for (;;) {
      let next: Job | undefined
      for (const job of running) if (next === undefined || job.endsAt < next.endsAt) next = job
      if (next === undefined || next.endsAt > now) break
      time = next.endsAt
      running.delete(next)
      if (next.breaks === "node") {
        figures.nodeFailures++
        Object.assign(next, { state: "PENDING", reason: "BeginTime", node: "" })
        eligible.push(next)
      } else if (next.breaks === "process") {
        figures.failures++
        end(next, "FAILED", "NonZeroExitCode")
      } else {
        yield* Effect.orDie(make(next.key))
        storedAt.set(next.key, time)
        end(next, "COMPLETED")
      }
      start()
    }
    time = now
    start()
    while (recent.length > 0 && recent[0]!.endedAt < now - remembered) recent.shift()
  })

  const submit: SlurmCalls["submit"] = (args, script) =>
    counted(
      Effect.gen(function* () {
        yield* advance
        figures.submissions++
        const id = String(++ids)
        const option = (name: string) => args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3)
        const array = option("array")?.split(",")
        const line = readFileSync(script, "utf8").split("\n")[1]!.slice("keys=(".length, -1).split(" ")
        const keys = new Map(
          line.map((word) => (word.startsWith("[") ? (word.slice(1).split("]=") as [string, string]) : ["", word])),
        )
        const parts = (option("dependency") ?? "").split(",").filter((part) => part !== "")
        for (const task of array ?? [""]) {
          const own = task === "" ? id : `${id}_${task}`
          const waits = new Set(
            parts.flatMap((part) => {
              const [kind, ...of] = part.split(":")
              if (kind === "aftercorr") return of.map((array) => `${array}_${task}`)
              return of.flatMap((job) => tasksOf.get(job) ?? [job])
            }),
          )
          const job: Job = {
            id: own,
            key: keys.get(task)!,
            state: "PENDING",
            reason: "Dependency",
            node: "",
            endsAt: 0,
            endedAt: 0,
            waits,
          }
          jobs.set(own, job)
          let never = false
          for (const need of waits) {
            const before = jobs.get(need)
            if (before?.state === "COMPLETED") waits.delete(need)
            else if (before !== undefined && !["PENDING", "RUNNING"].includes(before.state)) never = true
            else {
              const others = waiters.get(need)
              if (others === undefined) waiters.set(need, [job])
              else others.push(job)
            }
          }
          if (never) end(job, "CANCELLED", "DependencyNeverSatisfied")
          else if (waits.size === 0) eligible.push(job)
          tasksOf.set(id, [...(tasksOf.get(id) ?? []), own])
        }
        start()
        return id
      }),
    )
  const queued: SlurmCalls["queued"] = () =>
    Effect.flatMap(
      counted(
        Effect.gen(function* () {
          yield* advance
          figures.polls++
          const listed = [
            ...[...jobs.values()].filter(({ state }) => state === "PENDING" || state === "RUNNING"),
            ...recent,
          ]
          const text = listed.map(({ id, state, reason, node }) => `${id}|${state}|${reason}|${node}`).join("\n")
          figures.largestListing = Math.max(figures.largestListing, text.length)
          return text
        }),
      ),
      (text) => Effect.sync(() => parsedJobs(text)),
    )
  const stateOf = ({ state, reason, node }: Job): JobState => ({ state, reason, nodes: node })
  const calls: SlurmCalls = {
    submit,
    queued,
    tryOut: () => Effect.void,
    ended: (id) => Effect.sync(() => jobs.get(id) && stateOf(jobs.get(id)!)),
    cluster: Effect.succeed({ name: "simulated", largestArray: 1001 }),
    cancel: () => Effect.void,
  }
  return {
    calls,
    /** When a stage's artifact came into being, in seconds. */
    endOf: (key: string) => storedAt.get(key),
    figures: (): ClusterFigures => ({ ...figures, jobs: jobs.size }),
  }
}
