/** Runs what is missing of a graph of stages. */
import type { Datasets } from "@winnow/core"
import { Cause, Effect, Exit, Queue } from "effect"
import { Progress } from "../progress.ts"
import { inOrder, type Stage, type StageError } from "../stage.ts"
import type { Artifact, Store } from "../store/store.ts"
import { type Failure, type Outcome, StageCrashed } from "./outcome.ts"
import { type Making, type Ready, runStage } from "./run-stage.ts"

type Needs = Datasets | Store | Progress

export interface ScheduleOptions extends Partial<Making> {
  /** What an earlier call gave: those artifacts are taken, and what failed then is not tried again. */
  readonly have?: Partial<Outcome>
  /** The stages of the whole run, where these are its beginning: what progress counts against. */
  readonly partOf?: ReadonlyArray<Stage>
}

/** Where stages run, and how many at once. */
interface Runner<E> {
  readonly slots: number
  readonly run: (ready: Ready, making: Making) => Effect.Effect<Artifact, E, Needs>
}

const here: Runner<StageError> = { slots: 1, run: runStage }

/**
 * The loop of all runs: starts what is ready, first of all what comes first in `inOrder`, as long as there is a free slot;
 * leaves out what depends on a stage that failed. `onFailure` may end the run: what is under way is then interrupted.
 */
const schedule = <E, F>(
  leaves: ReadonlyArray<Stage>,
  { fresh = false, versions = {}, have = {}, partOf = leaves }: ScheduleOptions,
  runner: Runner<E>,
  onFailure: (stage: Stage, cause: Cause.Cause<E>) => Effect.Effect<Failure, F>,
): Effect.Effect<Outcome, F, Needs> =>
  Effect.gen(function* () {
    const { report } = yield* Progress
    const artifacts = new Map(have.artifacts)
    const failed = new Map(have.failed)
    const places = new Map(inOrder(partOf).map(({ key }, place) => [key, place + 1]))
    const waiting = new Set(inOrder(leaves).filter(({ key }) => !artifacts.has(key) && !failed.has(key)))
    const ended = yield* Queue.unbounded<{ readonly ready: Ready; readonly exit: Exit.Exit<Artifact, E> }>()
    const isReady = ({ inputs }: Stage) => inputs.every(({ key }) => artifacts.has(key))

    const start = (stage: Stage) => {
      const at = { stage: stage.label, index: places.get(stage.key) ?? 0, of: places.size, unit: stage.unit }
      const ready = { stage, inputs: stage.inputs.map(({ key }) => artifacts.get(key)!), at }
      const run = Effect.exit(runner.run(ready, { fresh, versions }))
      return Effect.forkScoped(Effect.flatMap(run, (exit) => Queue.offer(ended, { ready, exit })))
    }
    let running = 0
    for (;;) {
      for (const stage of waiting) {
        if (running === runner.slots) break
        if (!isReady(stage)) continue
        waiting.delete(stage)
        running++
        yield* start(stage)
      }
      // What still waits has an input that failed.
      if (running === 0) return { artifacts, failed }
      const { ready, exit } = yield* Queue.take(ended)
      running--
      const { stage, at } = ready
      if (Exit.isSuccess(exit)) {
        artifacts.set(stage.key, exit.value)
        const { reused, manifest } = exit.value
        report({ _tag: "done", ...at, reused, seconds: manifest.seconds, key: stage.key })
      } else {
        const failure = yield* onFailure(stage, exit.cause)
        failed.set(stage.key, failure)
        report({ _tag: "failed", ...at, message: failure.error.message })
      }
    }
  }).pipe(Effect.scoped)

/** A failure of one stage; a bug in it is one of its failures, an interruption ends the run. */
const asFailure = <E extends Failure["error"]>(stage: Stage, cause: Cause.Cause<E>): Effect.Effect<Failure> => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
  const error = Cause.squash(cause)
  return Effect.succeed({
    stage,
    error: Cause.hasDies(cause) ? new StageCrashed({ message: `a bug: ${Cause.pretty(cause)}` }) : (error as E),
  })
}

/**
 * Runs what is not in the store yet. A stage that fails, by an error or by a bug in it, stops only what depends on it.
 *
 * @returns the artifacts there are, and the failures
 */
export const runAll = (
  leaves: ReadonlyArray<Stage>,
  options: ScheduleOptions = {},
): Effect.Effect<Outcome, never, Needs> => schedule(leaves, options, here, asFailure)

/**
 * Runs what is not in the store yet, all of which must succeed: one by one, in order, each with its inputs' artifacts.
 *
 * @error StageError of the first stage that fails; nothing runs after it
 */
export const runStages = (
  leaves: ReadonlyArray<Stage>,
  options: ScheduleOptions = {},
): Effect.Effect<ReadonlyMap<string, Artifact>, StageError, Needs> =>
  Effect.map(
    schedule(leaves, options, here, (_, cause) => Effect.failCause(cause)),
    ({ artifacts }) => artifacts,
  )
