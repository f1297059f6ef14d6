/** A clock whose time passes as fast as the work of a program allows: a sleep ends once nothing else is left to do. */
import { type Clock, Duration, Effect } from "effect"

export interface VirtualClock {
  readonly clock: Clock.Clock
  /** Seconds since its beginning. */
  readonly now: () => number
  /** Work during which no time passes, such as that of a simulated machine. */
  readonly held: <A, E, R>(work: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Lets time pass until a promise is settled. */
  readonly drive: <A>(until: Promise<A>) => Promise<A>
}

/** Turns of the event loop after which fibers that can run have run. */
const turns = 40

export const virtualClock = (): VirtualClock => {
  let [now, holders] = [0, 0]
  /** The ends of sleeps by millisecond, and these in order. */
  const sleepers = new Map<number, Set<() => void>>()
  const times: Array<number> = []
  const sleep = (duration: Duration.Duration) =>
    Effect.callback<void>((resume) => {
      const at = now + Math.max(1, Math.ceil(Duration.toMillis(duration)))
      const wake = () => resume(Effect.void)
      const all = sleepers.get(at)
      if (all === undefined) {
        sleepers.set(at, new Set([wake]))
        let place = times.length
        while (place > 0 && times[place - 1]! < at) place--
        times.splice(place, 0, at) // The next end is the last one of the list.
      } else all.add(wake)
      return Effect.sync(() => void sleepers.get(at)?.delete(wake))
    })
  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: () => now,
    currentTimeMillis: Effect.sync(() => now),
    currentTimeNanosUnsafe: () => BigInt(now) * 1_000_000n,
    currentTimeNanos: Effect.sync(() => BigInt(now) * 1_000_000n),
    monotonicTimeNanosUnsafe: () => BigInt(now) * 1_000_000n,
    monotonicTimeNanos: Effect.sync(() => BigInt(now) * 1_000_000n),
    sleep,
  }
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
  return {
    clock,
    now: () => now / 1000,
    held: (work) =>
      Effect.acquireUseRelease(
        Effect.sync(() => void holders++),
        () => work,
        () => Effect.sync(() => void holders--),
      ),
    drive: async (until) => {
      let over = false
      const ended = until.finally(() => {
        over = true
      })
      ended.catch(() => {})
      while (!over) {
        for (let i = 0; i < turns || (holders > 0 && !over); i++) await turn()
        const at = holders > 0 ? undefined : times.pop()
        if (at === undefined) continue
        now = at
        const wakes = sleepers.get(at)!
        sleepers.delete(at)
        for (const wake of wakes) wake()
      }
      return ended
    },
  }
}
