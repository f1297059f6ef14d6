/** Runs stages in separate processes, several at once: `--jobs`. TensorFlow computes in one thread of JavaScript. */
import { Effect, Layer, type Scope } from "effect"
import { Progress } from "../progress.ts"
import { allowedJobs, sharedCores, thisMachine } from "../schedule/jobs.ts"
import type { Open, Run } from "../schedule/messages.ts"
import { StageCrashed } from "../schedule/outcome.ts"
import { type Making, type Ready, runStage, seenToday } from "../schedule/run-stage.ts"
import { startWorker, type WorkerProcess } from "../schedule/worker-process.ts"
import { Store } from "../store/store.ts"
import { type Launch, Launcher, type LauncherService } from "./launcher.ts"
import { here, type StageRunner } from "./runner.ts"

/** Number of cores of a worker. */
const shareOf = (jobs: number): number => Math.max(1, Math.floor(sharedCores() / jobs))

/**
 * Workers for one experiment, started at the first work and ended with the scope.
 *
 * An artifact in the store is found here. A stage that must run alone (it reads the clock) runs here, on all cores,
 * while the workers wait. A stage that the rest of the run waits for, such as the target, has a worker of its own on
 * all cores. A stage whose worker dies is tried once more in a new one, where it goes on from its checkpoint.
 */
const workersFor = (
  jobs: number,
  experiment: Launch["experiment"],
): Effect.Effect<StageRunner, never, Scope.Scope | Store> =>
  Effect.gen(function* () {
    const { home } = yield* Store
    const open: Open = { _tag: "open", home, experiment }
    const idle: Array<WorkerProcess> = []
    const all = new Set<WorkerProcess>()
    yield* Effect.addFinalizer(() =>
      Effect.forEach(all, ({ close }) => close, { concurrency: "unbounded", discard: true }),
    )
    const start = (sharers: number) => {
      const worker = startWorker(open, shareOf(sharers))
      all.add(worker)
      return worker
    }
    const attempt = ({ stage, inputs, at, wide }: Ready, { fresh, versions }: Making) =>
      Effect.gen(function* () {
        const { report } = yield* Progress
        const worker = wide ? start(1) : (idle.pop() ?? start(jobs))
        // A worker on all cores ends after its stage: it would keep its memory, and take others' cores.
        const over = () => {
          if (!wide) idle.push(worker)
          else Effect.runFork(Effect.tap(worker.close, () => Effect.sync(() => all.delete(worker))))
        }
        const artifacts = inputs.map((artifact) => ({ ...artifact }))
        const message: Run = { _tag: "run", key: stage.key, inputs: artifacts, at, fresh, versions }
        return yield* worker.run(message, report).pipe(
          Effect.tap(() => Effect.sync(over)),
          Effect.tapError((error) =>
            Effect.sync(() => {
              if (error._tag === "WorkerDied") all.delete(worker)
              else over()
            }),
          ),
        )
      })
    const run: StageRunner["run"] = (ready, making) =>
      Effect.gen(function* () {
        const { stage, inputs } = ready
        const store = yield* Store
        const stored = making.fresh ? undefined : yield* store.seek(stage.kind, stage.key, inputs)
        if (stored) return seenToday(stored, stage)
        if (stage.alone) return yield* runStage(ready, making)
        return yield* attempt(ready, making).pipe(
          Effect.catchTag("WorkerDied", ({ message }) =>
            Effect.gen(function* () {
              const { report } = yield* Progress
              report({ _tag: "note", text: `${stage.label}: ${message}; it is tried once more in a new one` })
              return yield* attempt(ready, making)
            }),
          ),
          Effect.catchTag("WorkerDied", ({ message }) =>
            Effect.fail(new StageCrashed({ message: `${message}, and so did the one that tried again` })),
          ),
        )
      })
    return { slots: jobs, run }
  })

/**
 * Stages run in this many processes at once; cores and memory limit the number. One stage at once is run in this
 * process.
 *
 * @param asked as many as there are cores if left out
 */
export const workers = (asked?: number | undefined): Layer.Layer<never> => {
  const runner: LauncherService["runner"] = ({ experiment, memory }) =>
    Effect.gen(function* () {
      const { report } = yield* Progress
      const { jobs, note } = allowedJobs(asked, memory, thisMachine())
      if (note !== undefined) report({ _tag: "note", text: note })
      return jobs === 1 ? here : yield* workersFor(jobs, experiment)
    })
  return Layer.succeed(Launcher, { name: "workers", runner })
}
