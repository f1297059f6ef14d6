/** A second thread of TensorFlow for ops that wait for other processes. */
import type { Address } from "@winnow/engine"
import type { Runtime } from "./context.ts"

/** Ops that begin inside `use` run on their own thread, one after another. */
export class Later {
  readonly #runtime: Runtime
  readonly #usual: Address
  readonly #own: Address

  constructor(runtime: Runtime) {
    const { C, context } = runtime
    this.#runtime = runtime
    this.#usual = C.TFE_ContextGetExecutorForThread(context)!
    const [isAsync, streams, inFlight] = [1, 0, 0]
    this.#own = C.TFE_NewExecutor(isAsync, streams, inFlight)!
  }

  /** Runs a synchronous `f` whose ops are begun and not waited for. */
  use<T>(f: () => T): T {
    const { C, context } = this.#runtime
    C.TFE_ContextSetExecutorForThread(context, this.#own)
    try {
      return f()
    } finally {
      C.TFE_ContextSetExecutorForThread(context, this.#usual)
    }
  }

  /** Waits until nothing runs. @error EngineError of the first op that failed */
  wait(call: string): void {
    const { C, status } = this.#runtime
    C.TFE_ExecutorWaitForAllPendingNodes(this.#own, status.address)
    status.check(call)
  }
}
