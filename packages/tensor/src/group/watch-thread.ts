/** The thread of `watch.ts`. */
import { dlopen } from "bun:ffi"
import { parentPort, workerData } from "node:worker_threads"
import type { Watched } from "./watch.ts"

const { library, context, deadline } = workerData as Watched
const time = new BigInt64Array(deadline)
const { symbols: C } = dlopen(library, {
  TF_NewStatus: { args: [], returns: "ptr" },
  TF_SetStatus: { args: ["ptr", "i32", "ptr"], returns: "void" },
  TFE_AbortCollectiveOps: { args: ["ptr", "ptr"], returns: "void" },
})
const status = C.TF_NewStatus()
const deadlineExceeded = 4
const reason = Buffer.from("the time is over\0")

parentPort?.postMessage("looking")
/** Milliseconds between two looks at the clock. */
const every = 250
const sleeper = new Int32Array(new SharedArrayBuffer(4))
for (;;) {
  Atomics.wait(sleeper, 0, 0, every)
  const end = Number(Atomics.load(time, 0))
  if (end === 0 || Date.now() < end) continue
  C.TF_SetStatus(status, deadlineExceeded, reason)
  C.TFE_AbortCollectiveOps(context as never, status)
  break
}
