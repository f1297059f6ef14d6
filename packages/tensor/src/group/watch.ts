/**
 * Ends a wait for other processes that takes too long.
 *
 * JavaScript stands still while it waits, so a thread of its own looks at the clock and tells TensorFlow to abort. (The
 * time limit that TensorFlow's collectives have themselves returns while the op still runs, and ends in a crash.)
 */
import { Worker } from "node:worker_threads"
import type { Address } from "@winnow/engine"

/** The data of the thread: see `watch-thread.ts`. */
export interface Watched {
  readonly library: string
  readonly context: Address
  /** One number: the time at which to abort, in milliseconds since 1970; 0 for never. */
  readonly deadline: SharedArrayBuffer
}

/** The watch of a process. */
export interface Watch {
  /** Runs a synchronous `f`; after so many seconds its collectives fail. Then no collective works again. */
  readonly within: <T>(seconds: number, f: () => T) => T
}

/** Starts the thread, and waits until it looks at the clock. */
export const startWatch = async (library: string, context: Address): Promise<Watch> => {
  const deadline = new SharedArrayBuffer(8)
  const time = new BigInt64Array(deadline)
  const thread = new Worker(new URL("./watch-thread.ts", import.meta.url), {
    workerData: { library, context, deadline } satisfies Watched,
  })
  await new Promise((resolve, reject) => {
    thread.once("message", resolve)
    thread.once("error", reject)
  })
  thread.unref()
  return {
    within: (seconds, f) => {
      Atomics.store(time, 0, BigInt(Math.round(Date.now() + seconds * 1000)))
      try {
        return f()
      } finally {
        Atomics.store(time, 0, 0n)
      }
    },
  }
}
