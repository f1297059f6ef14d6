/** Steps over a cache, recorded by shape of the new tokens. */
import { type Recording, record, type tf } from "@winnow/tensor"

/** Longest block that is recorded: decoding repeats short ones, while each length of a prompt is rare. */
const LONGEST = 16
/** A recording takes as long as some thirty single steps, so it is made only for shapes that repeat. */
const RUNS_BEFORE = 8
/** Recordings are never freed. */
const MOST = 64

/**
 * Runs a step, by a recording from its ninth run of a shape on. A decoding step has 50 small ops a layer, and nearly
 * all its time is the cost of starting them, which a recording saves.
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
