/** Steps over a cache, recorded by shape of the new tokens. */
import { type Recording, record, type tf } from "@winnow/tensor"

/** Longest block that is recorded: decoding repeats short ones, while each length of a prompt is rare. */
const LONGEST = 16
/** A recording takes as long as about thirty single steps, so only shapes that repeat are recorded. */
const RUNS_BEFORE = 8
/** Recordings are never freed. */
const MOST = 64

/**
 * Runs a step; from the ninth run of a shape on, a recording runs it. A decoding step has 50 small ops a layer. Nearly
 * all of its time is the cost of starting them, and a recording saves this cost.
 *
 * @returns a function of the shape's key, the new positions T, all tensors that the step reads, and the step
 */
export const recordedSteps = () => {
  const recordings = new Map<string, Recording>()
  const runs = new Map<string, number>()
  return (key: string, T: number, inputs: ReadonlyArray<tf.Tensor>, step: () => Array<tf.Tensor>) => {
    const recording = recordings.get(key)
    if (recording !== undefined) return recording(inputs)
    const before = runs.get(key) ?? 0
    runs.set(key, before + 1)
    if (T > LONGEST || before < RUNS_BEFORE || recordings.size >= MOST) return step()
    const made = record(inputs, step)
    recordings.set(key, made.recording)
    return made.outputs
  }
}
