/** Counts live objects of the engine, and detects a step that leaks. */
import { backend } from "./engine.ts"
import { tf } from "./tf.ts"

/** The live tensors and bytes of the engine at one moment. */
export interface EngineMemory {
  /** TFJS tensors, variables included: `tf.memory().numTensors`. */
  readonly tensors: number
  /** Buffers behind them; several tensors may share one. */
  readonly buffers: number
  /** TensorFlow tensors: TFJS tensors that were used at least once, and tensors made through the binding alone. */
  readonly handles: number
  /** TensorFlow tensors that no TFJS tensor owns: resource handles, an optimizer's moments. */
  readonly ownHandles: number
  /** The number of the next TensorFlow tensor. */
  readonly next: number
}

/** Counts live objects. Costs about a microsecond. */
export const engineMemory = (): EngineMemory => {
  const { binding, waiting, numDataIds } = backend().counts()
  const handles = binding.getNumOfTensors()
  return {
    tensors: tf.memory().numTensors,
    buffers: numDataIds,
    handles,
    ownHandles: handles + waiting - numDataIds,
    next: binding.nextTensor(),
  }
}

/** A step left tensors behind. */
export class LeakError extends Error {
  override readonly name = "LeakError"
}

/**
 * Checks that no new object lives: call it after each step with the counts from before it.
 *
 * Fewer tensors are no error; growth is one.
 *
 * @param where names the step in the error: `step 12`
 * @error LeakError with the growth of each count, and dtype and shape of the new tensors that are left
 */
export const checkLeaks = (before: EngineMemory, where: string): void => {
  const now = engineMemory()
  const growth = (["tensors", "buffers", "ownHandles"] as const)
    .filter((key) => now[key] > before[key])
    .map((key) => `${now[key] - before[key]} more ${key} (${before[key]} before, ${now[key]} after)`)
  if (growth.length === 0) return
  const most = 5
  const left = backend().binding.describeTensors(before.next, most + 1)
  const list = left.length === 0 ? "none was used yet" : left.slice(0, most).join(", ")
  throw new LeakError(
    `${where} leaks ${growth.join(", ")}. New tensors that are left: ${list}${left.length > most ? ", ..." : ""}. ` +
      "Run the step in tf.tidy, keep what must stay with tf.keep, and dispose what it replaces.",
  )
}
