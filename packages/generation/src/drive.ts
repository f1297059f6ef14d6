/** Runs synchronous steps so that timers, signals and other work can run between them. */

/** A computation in pieces: at each `yield` other work may run. */
export type Pieces<A> = Generator<void, A>

/** A computation in small synchronous steps. */
export interface Session {
  /** Does one step; false if no step is left. */
  readonly step: () => boolean
  readonly dispose: () => void
}

/** Longest block of the event loop in ms: short for a person, long against one turn of the loop (about 5 us). */
const PATIENCE_MS = 20

/**
 * Runs a session to its end, yields to the event loop at least every 20 ms plus one step, and always disposes it.
 *
 * @param hooks.signal aborts between two steps
 * @param hooks.onStep called after each step, the last included
 * @error the signal's reason if it aborts
 */
export const drive = async <S extends Session>(
  session: S,
  hooks: { readonly signal?: AbortSignal | undefined; readonly onStep?: ((session: S) => void) | undefined } = {},
): Promise<S> => {
  try {
    let since = performance.now()
    for (let more = true; more; ) {
      more = session.step()
      hooks.onStep?.(session)
      if (performance.now() - since > PATIENCE_MS) {
        await new Promise((resolve) => setImmediate(resolve))
        since = performance.now()
      }
      hooks.signal?.throwIfAborted()
    }
    return session
  } finally {
    session.dispose()
  }
}

/**
 * Runs a computation in pieces and returns its value; timers, signals and other work run between the pieces.
 *
 * @param signal aborts between two pieces
 * @error the signal's reason if it aborts; any error of a piece
 */
export const driven = async <A>(pieces: Pieces<A>, signal?: AbortSignal): Promise<A> => {
  let result: { readonly value: A } | undefined
  const step = () => {
    const { done, value } = pieces.next()
    if (done) result = { value }
    return !done
  }
  await drive({ step, dispose: () => void pieces.return(undefined as never) }, { signal })
  return result!.value
}
