/**
 * One stage of a launch, run in a process of its own on any machine that sees the store: `winnow stage`.
 *
 * The process builds the stages of the launch again, claims the artifact by its lock, and writes it whole. Its progress
 * and its failure go to a file of the launch, which the command that launched it reads.
 */
import { appendFileSync, mkdirSync, readdirSync } from "node:fs"
import { dirname, join } from "node:path"
import { DataError, InvalidInput } from "@winnow/core"
import { datasetsLayer } from "@winnow/data"
import { FileError, fileErrorOf } from "@winnow/files"
import { Effect, Layer } from "effect"
import { Families } from "../families.ts"
import { Progress, type ProgressEvent } from "../progress.ts"
import { type FromWorker, isPassedOn, plainError } from "../schedule/messages.ts"
import { openedStages } from "../schedule/opened-stages.ts"
import { errorOf, type StageCrashed } from "../schedule/outcome.ts"
import { runStage } from "../schedule/run-stage.ts"
import { takePart } from "../schedule/take-part.ts"
import type { Stage, StageError } from "../stage.ts"
import { sharedModels } from "../stages/models.ts"
import { arithmetic } from "../store/code/arithmetic.ts"
import { canonicalJson } from "../store/key.ts"
import { attemptMark } from "../store/partial.ts"
import { type Artifact, Store, type StoreService } from "../store/store.ts"
import { type Launched, messagesOf, readLaunch } from "./launch-folder.ts"

/** Milliseconds within which every machine sees a new name in a shared folder: NFS remembers folders for up to a minute. */
export const folderSettles = 60_000

/** Least milliseconds between two lines of progress: each is a write to the shared folder. */
const between = 1000

/**
 * An artifact that another machine has just written. Reading the folder makes a network disk ask its server again.
 *
 * @returns undefined if it is not there after `patience` milliseconds
 */
export const seekPatiently = (
  store: StoreService,
  { kind, key }: Stage,
  inputs: ReadonlyArray<Artifact>,
  patience = folderSettles,
): Effect.Effect<Artifact | undefined> =>
  Effect.gen(function* () {
    for (const end = Date.now() + patience; ; ) {
      try {
        readdirSync(join(store.root, kind))
      } catch {
        // No stage of this kind has ended yet.
      }
      const found = yield* store.seek(kind, key, inputs)
      if (found !== undefined || Date.now() >= end) return found
      yield* Effect.sleep(Math.min(1000, patience))
    }
  })

/** The artifacts of a stage's inputs. @error DataError with the first one that the store does not have */
const inputsOf = (
  store: StoreService,
  stage: Stage,
  known = new Map<string, Artifact>(),
): Effect.Effect<ReadonlyArray<Artifact>, DataError> =>
  Effect.forEach(stage.inputs, (input) =>
    Effect.gen(function* () {
      const inputs = yield* inputsOf(store, input, known)
      const artifact = known.get(input.key) ?? (yield* seekPatiently(store, input, inputs))
      if (artifact !== undefined) {
        known.set(input.key, artifact)
        return { ...artifact, part: input.part }
      }
      const message = `${stage.label} needs ${input.label}, which ${store.home} does not have; run the command of the launch again`
      return yield* new DataError({ message })
    }),
  )

/** The reason why this process has no stage of a key that a launch has. */
const noSuchStage = (key: string, { arithmetic: planned }: Launched): InvalidInput => {
  const [there, here] = [planned, arithmetic()].map((of) => canonicalJson(of))
  const problem =
    there === here
      ? "this checkout has no such stage: were sources changed since the launch? Run the command of the launch again"
      : `this machine computes with ${here}, and the launch was planned with ${there}: their figures would differ. Launch from a machine like the nodes, or set WINNOW_NATIVE to one variant for both`
  return new InvalidInput({ what: `stage ${key.slice(0, 10)}`, problems: [problem] })
}

const fileErrorFrom = (error: unknown, path: string): FileError =>
  error instanceof FileError ? error : (fileErrorOf(error, path) ?? new FileError(path, String(error)))

/** The end of a stage's process. */
export type JobEnd =
  /** Took part in a stage that rank 0 writes. */
  | { readonly _tag: "tookPart" }
  /** The artifact is in the store. */
  | { readonly _tag: "stored"; readonly artifact: Artifact }
  /** Told to stop, with a checkpoint newer than the one it began with: the next attempt goes on from it. */
  | { readonly _tag: "stopped" }

/**
 * Runs one stage of a launch. The engine must be open.
 *
 * @param timeIsUp runs until the stage has to stop; it never ends otherwise
 * @param say gets the events as well
 * @param rank of this process, where several share the stage: rank 0 writes it, and stops when the time is up
 * @error the stage's own, also written to the launch; DataError if it had to stop before its first new checkpoint
 */
export const runLaunched = (
  folder: string,
  key: string,
  timeIsUp: Effect.Effect<void>,
  say: (event: ProgressEvent) => void = () => {},
  rank = 0,
): Effect.Effect<JobEnd, StageError | StageCrashed> => {
  const file = messagesOf(folder, key)
  const send = (message: FromWorker) => appendFileSync(file, `${JSON.stringify(message)}\n`)
  let written = Number.NEGATIVE_INFINITY
  const report = (event: ProgressEvent) => {
    say(event)
    if (!isPassedOn(event)) return
    if (event._tag === "progress" && event.done < event.total && performance.now() - written < between) return
    if (event._tag === "progress") written = performance.now()
    send({ _tag: "event", event })
  }
  return Effect.gen(function* () {
    const launched = yield* Effect.try({
      try: () => readLaunch(folder),
      catch: (error) => fileErrorFrom(error, folder),
    })
    mkdirSync(dirname(file), { recursive: true })
    const { resolved, stages } = yield* openedStages(launched.experiment)
    const running = Effect.gen(function* () {
      const store = yield* Store
      const stage = (yield* stages).get(key)
      if (stage === undefined) return yield* noSuchStage(key, launched)
      const inputs = yield* inputsOf(store, stage)
      if (rank > 0) {
        yield* takePart({ stage, inputs })
        return { _tag: "tookPart" } as const
      }
      const { index = 0 } = launched.stages.find((of) => of.key === key) ?? {}
      const at = { stage: stage.label, index, of: launched.stages.length, unit: stage.unit }
      const mark = () => attemptMark(join(store.root, stage.kind, `${key}.partial`))
      const before = mark()
      const ended = yield* Effect.raceFirst(
        runStage({ stage, inputs, at }, { fresh: false, versions: launched.versions }),
        Effect.as(timeIsUp, undefined),
      )
      if (ended !== undefined) return { _tag: "stored", artifact: ended } as const
      if (mark() !== before) return { _tag: "stopped" } as const
      const message = `${stage.label} had to stop before its first new checkpoint: give stages of kind ${stage.kind} more time`
      return yield* new DataError({ message })
    })
    return yield* running.pipe(
      Effect.provideService(Families, resolved.families),
      Effect.provide(
        Layer.mergeAll(
          Store.layer(launched.home),
          datasetsLayer({ beside: dirname(launched.experiment.file) }),
          Layer.succeed(Progress, { report }),
          sharedModels(),
        ),
      ),
    )
  }).pipe(
    Effect.tapCause((cause) =>
      Effect.sync(() => {
        const error = errorOf<StageError | StageCrashed>(cause)
        if (error !== undefined) send({ _tag: "failed", error: plainError(error) })
      }),
    ),
  )
}
