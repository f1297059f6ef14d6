/**
 * The process of a worker. It reads messages on stdin and answers on stdout. It ends when stdin closes, which happens
 * when the run ends or is killed. The current stage is then interrupted, and leaves a checkpoint.
 */
import "@winnow/core/arktype-setup"
import { dirname } from "node:path"
import { createInterface } from "node:readline"
import { datasetsLayer } from "@winnow/data"
import { joinGroup, type Meeting, openEngine } from "@winnow/tensor"
import { Cause, Effect, Exit, Fiber, Layer, Queue } from "effect"
import { Families } from "../families.ts"
import { Progress } from "../progress.ts"
import { sharedModels } from "../stages/models.ts"
import { Store } from "../store/store.ts"
import { type FromWorker, isPassedOn, type Open, type Part, parsed, type Run, toWorker } from "./messages.ts"
import { openedStages } from "./opened-stages.ts"
import { serve } from "./worker.ts"
import { meetingVariable } from "./worker-process.ts"

const send = (message: FromWorker): void => void process.stdout.write(`${JSON.stringify(message)}\n`)
process.stdout.on("error", () => {}) // The run is gone, and stdin closes as well.
process.on("SIGHUP", () => {}) // The terminal is gone, and stdin closes as well.
process.on("SIGINT", () => {}) // A terminal's Ctrl-C also reaches the run, which closes its workers.
// A plugin's print must not look like a message.
console.log = console.error

const program = Effect.gen(function* () {
  const opened = yield* Queue.unbounded<Open>()
  const messages = yield* Queue.unbounded<Run | Part>()
  const lines = createInterface({ input: process.stdin })
  lines.on("line", (line) => {
    const message = parsed(toWorker, line)
    if (message === undefined) process.stderr.write(`not a message: ${line.slice(0, 200)}\n`)
    else if (message._tag === "open") Queue.offerUnsafe(opened, message)
    else Queue.offerUnsafe(messages, message)
  })
  const closed = Effect.callback<void>((resume) => {
    lines.on("close", () => resume(Effect.void))
    process.on("SIGTERM", () => resume(Effect.void))
  })
  const work = Effect.gen(function* () {
    const open = yield* Queue.take(opened)
    const meeting = process.env[meetingVariable]
    yield* Effect.promise<unknown>(() =>
      meeting === undefined ? openEngine() : joinGroup(JSON.parse(meeting) as Meeting),
    )
    const { resolved, stages } = yield* openedStages(open.experiment)
    const store = Store.layer(open.home)
    const datasets = datasetsLayer({
      beside: dirname(open.experiment.file),
      onProgress: ({ file, received }) =>
        send({ _tag: "event", event: { _tag: "download", file: file.path, done: received, total: file.bytes } }),
    })
    const progress = Layer.succeed(Progress, {
      report: (event) => {
        if (isPassedOn(event)) send({ _tag: "event", event })
      },
    })
    return yield* serve(stages, messages, send).pipe(
      Effect.provideService(Families, resolved.families),
      Effect.provide(Layer.mergeAll(store, datasets, progress, sharedModels())),
    )
  })
  yield* Effect.raceFirst(work, closed)
})

const exit = await Effect.runPromise(Fiber.await(Effect.runFork(program)))
if (Exit.isFailure(exit)) {
  const error = Cause.squash(exit.cause)
  process.stderr.write(`${error instanceof Error ? error.message : Cause.pretty(exit.cause)}\n`)
}
process.exit(Exit.isSuccess(exit) ? 0 : 1)
