/** The run's side of a worker: a process that runs one stage at a time, until it is closed or dies. */
import { spawn } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { keptMemory } from "@winnow/engine"
import type { Meeting } from "@winnow/tensor"
import { Data, Effect } from "effect"
import type { ProgressEvent } from "../progress.ts"
import type { StageError } from "../stage.ts"
import type { Artifact } from "../store/store.ts"
import { errorFrom, type FromWorker, fromWorker, type Open, type Part, parsed, type Run } from "./messages.ts"
import type { StageCrashed } from "./outcome.ts"

/** The process ended before its stage did. */
export class WorkerDied extends Data.TaggedError("WorkerDied")<{ readonly message: string }> {}

export interface WorkerProcess {
  readonly pid: number
  /** Runs a stage. @error WorkerDied if the process ends before the stage, or has already ended */
  readonly run: (
    message: Run,
    report: (event: ProgressEvent) => void,
  ) => Effect.Effect<Artifact, StageError | StageCrashed | WorkerDied>
  /** Takes part in a stage that the worker of rank 0 runs. @error as of `run` */
  readonly takePart: (message: Run) => Effect.Effect<void, StageError | StageCrashed | WorkerDied>
  /** Ends the worker: its stage is interrupted and leaves a checkpoint. Waits for that. */
  readonly close: Effect.Effect<void>
}

const entry = join(import.meta.dir, "worker-main.ts")

/** Characters of a dead worker's stderr in messages. */
const outputLength = 2000
/** A stage writes its checkpoint in seconds, so a worker that has not ended after this time is killed. */
const closeSeconds = 60

/** Callbacks for the events of a running stage. */
interface Listener {
  readonly message: (message: FromWorker) => void
  readonly died: (error: WorkerDied) => void
  readonly other: (line: string) => void
}

/** The variable of a worker's environment that holds its meeting with others, as JSON. */
export const meetingVariable = "WINNOW_MEETING"

/** The environment of a worker: the command's own, and the settings that a worker needs. */
export const workerEnvironment = (
  own: Readonly<Record<string, string | undefined>>,
  threads: number,
  meeting?: Meeting,
): Record<string, string | undefined> => ({
  ...keptMemory,
  ...own,
  TF_NUM_INTRAOP_THREADS: String(threads),
  ...(meeting && { [meetingVariable]: JSON.stringify(meeting) }),
})

/**
 * Starts a worker.
 *
 * @param threads of TensorFlow and of the native library: the worker's share of the cores
 * @param meeting of a group that it joins before its first stage
 */
export const startWorker = (open: Open, threads: number, meeting?: Meeting): WorkerProcess => {
  const child = spawn(process.execPath, [entry], {
    stdio: ["pipe", "pipe", "pipe"],
    env: workerEnvironment(process.env, threads, meeting),
  })
  let listener: Listener | undefined
  let over: WorkerDied | undefined
  let output = ""
  child.stderr.on("data", (text) => {
    output = (output + String(text)).slice(-outputLength)
  })
  createInterface({ input: child.stdout }).on("line", (line) => {
    const message = parsed(fromWorker, line)
    if (message) listener?.message(message)
    else listener?.other(line)
  })
  child.stdin.on("error", () => {}) // The worker died: `close` reports it.
  const ended = new Promise<void>((resolve) => {
    const end = (how: string) => {
      over ??= new WorkerDied({ message: `a worker ${how}${output === "" ? "" : `: ${output.trim()}`}` })
      listener?.died(over)
      resolve()
    }
    child.on("error", (error) => end(`could not be started (${error.message})`))
    child.on("close", (code, signal) => end(signal ? `ended by ${signal}` : `ended with exit code ${code}`))
  })
  const send = (message: Open | Run | Part) => child.stdin.write(`${JSON.stringify(message)}\n`)
  send(open)
  /** Sends a message and waits for its answer. */
  const ask = <A>(
    message: Run | Part,
    report: (event: ProgressEvent) => void,
    answered: (answer: FromWorker) => Effect.Effect<A> | undefined,
  ): Effect.Effect<A, StageError | StageCrashed | WorkerDied> =>
    Effect.callback((resume) => {
      if (over) return resume(Effect.fail(over))
      const settle = (result: Effect.Effect<A, StageError | StageCrashed | WorkerDied>) => {
        listener = undefined
        resume(result)
      }
      listener = {
        message: (answer) => {
          if (answer._tag === "event") return report(answer.event)
          if (answer._tag === "failed") return settle(Effect.fail(errorFrom(answer.error)))
          const result = answered(answer)
          if (result !== undefined) settle(result)
        },
        died: (error) => settle(Effect.fail(error)),
        other: (text) => report({ _tag: "note", text }),
      }
      send(message)
    })

  return {
    pid: child.pid ?? 0,
    run: (message, report) =>
      ask(message, report, (answer) => (answer._tag === "made" ? Effect.succeed(answer.artifact) : undefined)),
    takePart: ({ key, inputs }) =>
      ask(
        { _tag: "part", key, inputs },
        () => {},
        (answer) => (answer._tag === "tookPart" ? Effect.void : undefined),
      ),
    close: Effect.promise(async () => {
      child.stdin.end()
      const timer = setTimeout(() => child.kill("SIGKILL"), closeSeconds * 1000)
      await ended
      clearTimeout(timer)
    }),
  }
}
