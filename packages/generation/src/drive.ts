/** Runs a session of synchronous steps so that timers, signals and other work get their turn. */

/** Work in pieces that comes to a value: each `yield` is a moment at which other work may have its turn. */
export type Pieces<A> = Generator<void, A>

/** Work in small synchronous steps. */
export interface Session {
  /** Does one step; false once there is nothing left to do. */
  readonly step: () => boolean
  readonly dispose: () => void
}

/** How long the event loop may be kept waiting, ms: short to a person, long against one turn of the loop (about 5 us). */
const PATIENCE_MS = 20

/**
 * Steps a session to its end, yielding to the event loop at least every 20 ms plus one step; disposes it in any case.
 *
 * @param hooks.signal aborts between two steps
 * @param hooks.onStep called after each step, the last included
 * @error the signal's reason, when it was aborted
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
 * The value of work in pieces, with turns for timers, signals and other work between them.
 *
 * @param signal aborts between two pieces
 * @error the signal's reason, when it was aborted; what a piece throws
 */
export const driven = async <A>(pieces: Pieces<A>, signal?: AbortSignal): Promise<A> => {
  let ended: { readonly value: A } | undefined
  const step = () => {
    const { done, value } = pieces.next()
    if (done) ended = { value }
    return !done
  }
  await drive({ step, dispose: () => void pieces.return(undefined as never) }, { signal })
  return ended!.value
}
