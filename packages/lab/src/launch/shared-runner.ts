/**
 * A training that several processes share: `--devices`. Its processes are workers that are started for the stage alone,
 * because a process that has opened its engine cannot join a group.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { PeerLost } from "@winnow/core"
import { Deferred, Effect } from "effect"
import { Progress } from "../progress.ts"
import type { Open, Opened, Run } from "../schedule/messages.ts"
import type { StageCrashed } from "../schedule/outcome.ts"
import { type Making, type Ready, seenToday } from "../schedule/run-stage.ts"
import { startWorker, type WorkerDied, type WorkerProcess } from "../schedule/worker-process.ts"
import { type StageError, sharersOf } from "../stage.ts"
import { type Artifact, Store } from "../store/store.ts"
import type { StageRunner } from "./runner.ts"

type Failed = StageError | StageCrashed | WorkerDied

/** The error of a stage by those of its processes: a process that only lost another one knows no reason. */
const errorOfAll = (label: string, errors: ReadonlyArray<Failed>): StageError | StageCrashed => {
  const own = errors.find(({ _tag }) => _tag !== "PeerLost" && _tag !== "WorkerDied")
  if (own !== undefined && own._tag !== "WorkerDied") return own
  const died = errors.filter((error) => error._tag === "WorkerDied").map(({ message }) => message)
  const lost = errors.find((error) => error._tag === "PeerLost")
  const reasons = died.length > 0 ? ` (${died.join("; ")})` : ""
  if (lost !== undefined) return new PeerLost({ step: lost.step, message: `${lost.message}${reasons}` })
  return new PeerLost({
    step: 0,
    message: `${label}: ${died.join("; ")}. The same command goes on from the last checkpoint.`,
  })
}

/** Runs one stage in new processes, which end with it. */
const together = (
  { stage, inputs, at }: Ready,
  { fresh, versions }: Making,
  size: number,
  open: Open,
  threads: number,
): Effect.Effect<Artifact, StageError | StageCrashed, Progress> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const folder = mkdtempSync(join(tmpdir(), "winnow-group-"))
      const seat = (rank: number) => ({ folder, rank, size, host: "127.0.0.1" })
      return { folder, workers: Array.from({ length: size }, (_, rank) => startWorker(open, threads, seat(rank))) }
    }),
    ({ workers }) =>
      Effect.gen(function* () {
        const { report } = yield* Progress
        const artifacts = inputs.map((artifact) => ({ ...artifact }))
        const message: Run = { _tag: "run", key: stage.key, inputs: artifacts, at, fresh, versions }
        const begun = yield* Deferred.make<boolean>()
        const lead = (worker: WorkerProcess) =>
          worker
            .run(message, (event) => {
              if (event._tag === "started") Deferred.doneUnsafe(begun, Effect.succeed(true))
              report(event)
            })
            .pipe(Effect.ensuring(Deferred.succeed(begun, false)))
        // The others begin once rank 0 has the stage's lock, for which it may wait for long.
        const help = (worker: WorkerProcess) =>
          Effect.flatMap(Deferred.await(begun), (is) => (is ? worker.takePart(message) : Effect.void))
        const ends = yield* Effect.forEach(
          workers,
          (worker, rank) =>
            Effect.result(
              // The others notice the end of a process at once, and its silence only after their patience.
              Effect.tapError(rank === 0 ? lead(worker) : help(worker), () => worker.close),
            ),
          { concurrency: "unbounded" },
        )
        const [leader] = ends
        if (leader?._tag === "Success" && leader.success !== undefined) return leader.success
        return yield* Effect.fail(
          errorOfAll(
            stage.label,
            ends.flatMap((end) => (end._tag === "Failure" ? [end.failure] : [])),
          ),
        )
      }),
    ({ folder, workers: [leader, ...others] }) =>
      Effect.gen(function* () {
        // Rank 0 first: it writes a checkpoint while the others still answer.
        if (leader) yield* leader.close
        yield* Effect.forEach(others, ({ close }) => close, { concurrency: "unbounded", discard: true })
        rmSync(folder, { recursive: true, force: true })
      }),
  )

/**
 * A runner whose trainings are shared by several processes of this machine; other stages run as they did.
 *
 * @param devices processes of a training, at most one for each micro-batch of its steps
 * @param threads of each of them
 */
export const sharedBy = (runner: StageRunner, devices: number, experiment: Opened, threads: number): StageRunner => ({
  ...runner,
  run: (ready, making) =>
    Effect.gen(function* () {
      const { stage, inputs } = ready
      const size = sharersOf(stage, devices)
      if (size < 2) return yield* runner.run(ready, making)
      const store = yield* Store
      const stored = making.fresh ? undefined : yield* store.seek(stage.kind, stage.key, inputs)
      if (stored) return seenToday(stored, stage)
      const open: Open = { _tag: "open", home: store.home, experiment }
      return seenToday(yield* together(ready, making, size, open, threads), stage)
    }),
})
