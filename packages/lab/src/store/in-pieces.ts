/** Runs long work on files as an effect that Ctrl-C can interrupt between two pieces. */
import { Effect } from "effect"

/** Longest time without a pause, in ms, if single pieces are shorter. */
const stretch = 50

/**
 * Runs pieces to their end; an interrupt ends them at the next piece.
 *
 * @param refusal maps a value that a piece throws to an error; a value that `refusal` throws passes through
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
    // An interrupt closes the open file.
    return Effect.ensuring(
      go,
      Effect.sync(() => void running.return(undefined as never)),
    )
  })
