/** A run whose events are written to a log while it is made. */
import { Effect, type Exit } from "effect"
import { Progress, type RunFacts } from "../progress.ts"
import { outcomeOf } from "../runs/run-store.ts"
import { Store } from "../store/store.ts"
import { openLog } from "./log.ts"

/**
 * Writes the events of `making` to a log of the store, from the run's beginning to its end.
 *
 * @param isIncomplete true of a result with missing figures
 */
export const logged = <A, E, R>(
  facts: Omit<RunFacts, "log" | "command">,
  making: Effect.Effect<A, E, R>,
  isIncomplete: (result: A) => boolean,
): Effect.Effect<A, E, R | Progress | Store> =>
  Effect.gen(function* () {
    const { home } = yield* Store
    const { report } = yield* Progress
    const log = openLog(home, { ...facts, command: process.argv.slice(2) }, (text) => report({ _tag: "note", text }))
    report(log.begun)
    const both: Progress["Service"]["report"] = (event) => {
      log.add(event)
      report(event)
    }
    const end = (exit: Exit.Exit<A, E>) =>
      Effect.sync(() => {
        const { state, message = null } = outcomeOf(exit, isIncomplete)
        both({ _tag: "ended", state, message })
      })
    return yield* making.pipe(Effect.provideService(Progress, { report: both }), Effect.onExit(end))
  })
