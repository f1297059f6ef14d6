/** Runs the missing stages of a graph. */
import type { Datasets } from "@winnow/core"
import type { FileError } from "@winnow/files"
import { type Cause, Effect, Exit, Queue } from "effect"
import { here, Runner, type StageRunner } from "../launch/runner.ts"
import { secondsLike } from "../pace.ts"
import { type PlannedPart, Progress } from "../progress.ts"
import { inOrder, type Stage, type StageError } from "../stage.ts"
import { type Artifact, type Manifest, Store } from "../store/store.ts"
import { longestFirst, restWaitsFor } from "./order.ts"
import { errorOf, type Failure, failed, isMachines, type Outcome } from "./outcome.ts"
import { readyStages } from "./ready.ts"
import type { Making, Ready } from "./run-stage.ts"

type Needs = Datasets | Store | Progress

/** Newest stages of a kind whose times are read for an estimate. */
const forEstimates = 40

/** The stages of a plan, with the seconds that the missing ones will take. */
const plannedParts = (planned: ReadonlyArray<Stage>): Effect.Effect<ReadonlyArray<PlannedPart>, never, Store> =>
  Effect.map(Store, (store) => {
    const byKind = new Map<string, ReadonlyArray<Manifest>>()
    const manifestsOf = (kind: string) => {
      const known = byKind.get(kind) ?? store.manifests(kind, forEstimates)
      byKind.set(kind, known)
      return known
    }
    return planned.map((stage) => ({
      ...{ stage: stage.label, kind: stage.kind, key: stage.key, unit: stage.unit, alone: stage.alone },
      flops: stage.work.flops ?? 0,
      expected: secondsLike(stage, manifestsOf(stage.kind)) ?? null,
      after: stage.inputs.map(({ key }) => key),
    }))
  })

export interface ScheduleOptions extends Partial<Making> {
  /** The outcome of an earlier call: its artifacts are reused, and its failures are not tried again. */
  readonly have?: Partial<Outcome>
  /** The stages of the whole run, if these are its beginning: the total of the progress. */
  readonly partOf?: ReadonlyArray<Stage>
}

/**
 * The loop of all runs. It starts ready stages as long as there is a free slot, and leaves out stages that depend on a
 * failed one. `onFailure` may end the run: running stages are then interrupted.
 */
const schedule = <E, F>(
  leaves: ReadonlyArray<Stage>,
  { fresh = false, versions = {}, have = {}, partOf = leaves }: ScheduleOptions,
  { slots, apart = false, expect, run }: StageRunner<E>,
  onFailure: (stage: Stage, cause: Cause.Cause<E>) => Effect.Effect<Failure, F>,
): Effect.Effect<Outcome, F | StageError, Needs> =>
  Effect.gen(function* () {
    const { report } = yield* Progress
    const artifacts = new Map(have.artifacts)
    const failures = new Map(have.failed)
    const planned = inOrder(partOf)
    const places = new Map(planned.map(({ key }, place) => [key, place + 1]))
    report({
      _tag: "planned",
      beginning: artifacts.size === 0,
      slots: Number.isFinite(slots) ? slots : null,
      stages: yield* plannedParts(planned),
    })
    const order = slots === 1 ? inOrder(leaves) : longestFirst(inOrder(leaves))
    const waiting = new Set(order.filter(({ key }) => !artifacts.has(key) && !failures.has(key)))
    const startable = readyStages([...waiting], (key) => artifacts.has(key))
    const running = new Set<Stage>()
    const ended = yield* Queue.unbounded<{ readonly ready: Ready; readonly exit: Exit.Exit<Artifact, E> }>()

    const next = (): Stage | undefined => {
      if (running.size === slots || (!apart && [...running].some(({ alone }) => alone))) return undefined
      if (slots === 1 || apart) return startable.first()
      // A stage that must run alone waits until nothing else can be started, so that the slots are empty only once for
      // it.
      return startable.first(({ alone }) => !alone) ?? (running.size === 0 ? startable.first() : undefined)
    }
    const start = (stage: Stage) => {
      const at = { stage: stage.label, index: places.get(stage.key) ?? 0, of: places.size, unit: stage.unit }
      const wide = slots > 1 && !apart && restWaitsFor(stage, [...running, ...waiting])
      const ready = { stage, inputs: stage.inputs.map(({ key, part }) => ({ ...artifacts.get(key)!, part })), at, wide }
      const exit = Effect.exit(run(ready, { fresh, versions }))
      return Effect.forkScoped(Effect.flatMap(exit, (exit) => Queue.offer(ended, { ready, exit })))
    }
    if (expect !== undefined && waiting.size > 0) yield* expect([...waiting], { fresh, versions })
    for (;;) {
      for (let stage = next(); stage !== undefined; stage = next()) {
        waiting.delete(stage)
        startable.take(stage)
        running.add(stage)
        yield* start(stage)
      }
      // A stage that still waits has an input that failed.
      if (running.size === 0) return { artifacts, failed: failures }
      const { ready, exit } = yield* Queue.take(ended)
      const { stage, at } = ready
      running.delete(stage)
      if (Exit.isSuccess(exit)) {
        artifacts.set(stage.key, exit.value)
        startable.stored(stage.key)
        const { reused, manifest } = exit.value
        report({ _tag: "done", ...at, reused, seconds: manifest.seconds, key: stage.key })
      } else {
        const failure = yield* onFailure(stage, exit.cause)
        failures.set(stage.key, failure)
        report({ _tag: "failed", ...at, message: failure.error.message })
      }
    }
  }).pipe(Effect.scoped)

/**
 * A failure of one stage; a bug in it is one of its failures. An interruption or a refusal of the disk ends the run.
 */
const asFailure = <E extends Failure["error"]>(
  stage: Stage,
  cause: Cause.Cause<E>,
): Effect.Effect<Failure, FileError> => {
  const error = errorOf(cause)
  if (error === undefined) return Effect.interrupt
  return isMachines(error) ? Effect.fail(error) : Effect.succeed({ stage, error })
}

/**
 * Runs the stages that are not in the store, by the current `Runner`. A stage that fails, by an error or a bug, stops
 * only the stages that depend on it.
 *
 * @returns the artifacts and the failures
 * @error FileError where the disk or memory refuses: running stages are interrupted, and leave their checkpoints; other
 *   errors of the runner, which then ran nothing
 */
export const runAll = (
  leaves: ReadonlyArray<Stage>,
  options: ScheduleOptions = {},
): Effect.Effect<Outcome, StageError, Needs> =>
  Effect.flatMap(Effect.service(Runner), (runner) => schedule(leaves, options, runner, asFailure))

/**
 * Runs the stages that are not in the store, by the current `Runner`, all of which must succeed.
 *
 * @error StageError of the first stage that failed, once all that do not depend on it have run
 */
export const runNeeded = (
  leaves: ReadonlyArray<Stage>,
  options: ScheduleOptions = {},
): Effect.Effect<ReadonlyMap<string, Artifact>, StageError, Needs> =>
  Effect.flatMap(runAll(leaves, options), (outcome) => {
    const [first] = outcome.failed.values()
    return first === undefined ? Effect.succeed(outcome.artifacts) : failed(first)
  })

/**
 * Runs the stages that are not in the store, all of which must succeed: in this process, one by one, in order.
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
