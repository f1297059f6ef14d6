/** The worker's side: runs the stages whose keys it receives, and reports events and results. */
import type { DataError, Datasets, InvalidInput } from "@winnow/core"
import { Effect, Exit, Queue } from "effect"
import type { Progress } from "../progress.ts"
import type { Stage } from "../stage.ts"
import type { Store } from "../store/store.ts"
import { type FromWorker, type Part, plainError, type Run } from "./messages.ts"
import { errorOf, StageCrashed } from "./outcome.ts"
import { runStage } from "./run-stage.ts"
import { takePart } from "./take-part.ts"

/**
 * Runs stages one by one, without end: closing the worker interrupts it.
 *
 * @param stages the stages that the store's content determines; called again for an unknown key
 */
export const serve = <R>(
  stages: Effect.Effect<ReadonlyMap<string, Stage>, InvalidInput | DataError, R>,
  messages: Queue.Queue<Run | Part>,
  send: (message: FromWorker) => void,
): Effect.Effect<never, never, R | Datasets | Store | Progress> => {
  let stagesByKey: ReadonlyMap<string, Stage> = new Map()
  const named = (key: string) =>
    Effect.gen(function* () {
      if (!stagesByKey.has(key)) stagesByKey = yield* stages
      const stage = stagesByKey.get(key)
      if (stage) return stage
      const message = `a worker has no stage ${key}: were sources changed since the run began? Run the same command again`
      return yield* new StageCrashed({ message })
    })
  const answer = (message: Run | Part) =>
    Effect.gen(function* () {
      const { inputs } = message
      const stage = yield* named(message.key)
      if (message._tag === "part") {
        yield* takePart({ stage, inputs })
        return { _tag: "tookPart" } as const
      }
      const { at, fresh, versions } = message
      const made = yield* runStage({ stage, inputs, at }, { fresh, versions })
      return { _tag: "made", artifact: { ...made } } as const
    }).pipe(
      Effect.exit,
      Effect.flatMap((exit) => {
        if (Exit.isSuccess(exit)) return Effect.sync(() => send(exit.value))
        const error = errorOf(exit.cause)
        if (error === undefined) return Effect.interrupt
        return Effect.sync(() => send({ _tag: "failed", error: plainError(error) }))
      }),
    )
  return Effect.forever(Effect.flatMap(Queue.take(messages), answer))
}
