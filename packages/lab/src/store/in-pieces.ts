/** Long work on files as an effect that Ctrl-C can interrupt between two pieces. */
import { Effect } from "effect"

/** Longest time at a stretch, in ms, if a piece is shorter than that. */
const stretch = 50

/**
 * Runs pieces to their end; an interrupt ends them at the next piece.
 *
 * @param refusal maps what a piece throws to an error; if it throws itself, that is thrown
 */
export const inPieces = <A, E = never>(
  pieces: () => Generator<void, A>,
  refusal: (error: unknown) => E = (error) => {
    throw error
  },
): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    const running = pieces()
    const next = Effect.try({
      try: () => {
        const until = performance.now() + stretch
        for (;;) {
          const { done, value } = running.next()
          if (done) return { value: value as A }
          if (performance.now() >= until) return undefined
        }
      },
      catch: refusal,
    })
    const go: Effect.Effect<A, E> = Effect.flatMap(next, (ended) =>
      ended ? Effect.succeed(ended.value) : Effect.andThen(Effect.yieldNow, go),
    )
    // Closes the file that is open where it was interrupted.
    return Effect.ensuring(
      go,
      Effect.sync(() => void running.return(undefined as never)),
    )
  })
