/**
 * Encoded examples as batches, by number: batch t is the same for a run that reaches it and for one that resumes at it.
 *
 * Letters: B sequences.
 */

import {
  type Attends,
  type EncodedExample,
  InvalidInput,
  nextTokenProblem,
  type ObjectiveInstance,
  type Problem,
  packedRows,
} from "@winnow/core"
import { permutation, seeded } from "@winnow/numerics"

/** One micro-batch: the problem of its examples. */
export interface Batch extends Problem {
  /**
   * Index of each sequence among the source's examples, in the order of `sequence_N`: the key to a cache of signals.
   */
  readonly example_B: Int32Array
}

/** An endless sequence of batches: batch(0), batch(1), ... */
export interface BatchSource {
  readonly examples: number
  readonly batchSize: number
  /** Number of batches that contain every example once: examples / batchSize, which may be a fraction. */
  readonly perPass: number
  /** The positions that a row's prediction may depend on. */
  readonly reads: Attends
  /** The sequences of batch number `step`, from 0. */
  readonly sequences: (step: number) => ReadonlyArray<EncodedExample>
  /**
   * Batch number `step`, from 0. Random access; the same number gives the same batch.
   *
   * @param sequences others in the place of its own, one for each
   */
  readonly batch: (step: number, sequences?: ReadonlyArray<EncodedExample>) => Batch
}

/** Little padding is left, and the grouping still changes at random from pass to pass. */
export const usualBucket = 16

export interface BatchOptions {
  /** Sequences of a batch. */
  readonly batchSize: number
  readonly seed: number
  /**
   * Batches of a window that groups sequences of similar length; 1 keeps the order. `usualBucket` by default. Never more
   * than half a pass.
   */
  readonly bucket?: number
  /** "padded": each sequence is a row; "packed": `packedRows` puts several into one. Padded if left out. */
  readonly rows?: "padded" | "packed"
  /** The examples of a pass, by number, possibly repeated. Each once if left out. */
  readonly pass?: Int32Array
  /** Token that fills the right; 0 by default. */
  readonly padId?: number
  /** The objective that makes each batch's problem; the next token if left out. */
  readonly objective?: ObjectiveSetting | undefined
}

/** An objective, and the constant part of its input. */
export interface ObjectiveSetting {
  readonly instance: ObjectiveInstance
  readonly vocabularySize: number
  /** Optimizer steps of the stage, and batches of each step: schedules count steps. */
  readonly steps: number
  readonly microBatches: number
}

/**
 * A next-token batch of some examples, independent of a training's objective.
 *
 * @param example_B indices of these examples in the data set; 0, 1, ... if left out
 * @error InvalidInput (thrown) for no sequence, or for one of fewer than 2 tokens, which predicts nothing
 */
export const collate = (
  examples: ReadonlyArray<EncodedExample>,
  padId = 0,
  example_B: Int32Array = Int32Array.from(examples.keys()),
): Batch => ({ ...nextTokenProblem(examples, padId), example_B })

/**
 * Batches over a stream of passes: each pass is a new seeded order of its examples, and the next follows without a gap.
 * So every example of a pass comes once in it, and the batch at a border holds the end of one pass and the start of the
 * next; no batch is short and no example is left out.
 *
 * For gradient accumulation over m micro-batches, step s takes batches s m to s m + m - 1.
 *
 * @error InvalidInput (thrown) for no examples, or sizes that are not integers from 1
 */
export const batches = (examples: ReadonlyArray<EncodedExample>, options: BatchOptions): BatchSource => {
  const { batchSize, seed, padId = 0, objective, rows = "padded" } = options
  const { pass } = options
  const n = pass?.length ?? examples.length
  const beyond = pass?.find((i) => !(i >= 0 && i < examples.length))
  const problems = [
    ...(n === 0 ? ["there are no examples; raise maxLength if all were dropped"] : []),
    ...(beyond === undefined ? [] : [`a pass has example ${beyond}; there are examples 0 to ${examples.length - 1}`]),
    ...Object.entries({ batchSize, bucket: options.bucket ?? usualBucket })
      .filter(([, size]) => !Number.isInteger(size) || size < 1)
      .map(([name, size]) => `${name} is ${size}; expected an integer from 1`),
  ]
  if (problems.length > 0) throw new InvalidInput({ what: "batches", problems })

  // A window of several passes would sort the copies of one example into the same batch.
  const bucket = Math.min(options.bucket ?? usualBucket, Math.max(1, Math.floor(n / batchSize / 2)))
  const orderOf = remember(2, (pass) => permutation(n, seeded(seed, "batches", "pass", pass)))
  /** The example indices of a window, batch after batch. */
  const windowOf = remember(2, (window) => {
    const start = window * batchSize * bucket
    const stream = Array.from({ length: batchSize * bucket }, (_, i) => {
      const at = start + i
      const index = orderOf(Math.floor(at / n))[at % n]!
      return pass === undefined ? index : pass[index]!
    })
    if (bucket === 1) return stream
    const sorted = stream.toSorted((a, b) => examples[a]!.ids.length - examples[b]!.ids.length) // The sort is stable.
    const order = permutation(bucket, seeded(seed, "batches", "window", window))
    return Array.from(order, (b) => sorted.slice(b * batchSize, (b + 1) * batchSize)).flat()
  })

  const reads = objective?.instance.reads ?? "before"
  // The native kernel computes causal attention alone.
  const times = reads === "before" ? 3 : 2
  /** The problem of some examples, one sequence in each row. */
  const problemOf = (step: number, chosen: ReadonlyArray<EncodedExample>): Problem => {
    if (objective === undefined) return nextTokenProblem(chosen, padId)
    const { instance, vocabularySize, steps, microBatches } = objective
    const done = Math.floor(step / microBatches)
    const rng = seeded(seed, "objective", step)
    return instance.problem({ examples: chosen, padId, vocabularySize, step: done, steps, rng })
  }

  const indicesOf = (step: number): ReadonlyArray<number> => {
    if (!Number.isInteger(step) || step < 0) throw new RangeError(`batch ${step}: expected an integer from 0`)
    const first = (step % bucket) * batchSize
    return windowOf(Math.floor(step / bucket)).slice(first, first + batchSize)
  }
  const sequences = (step: number) => indicesOf(step).map((i) => examples[i]!)

  return {
    examples: n,
    batchSize,
    perPass: n / batchSize,
    reads,
    sequences,
    batch: (step, others) => {
      const indices = indicesOf(step)
      const problem = problemOf(step, others ?? sequences(step))
      return {
        ...(rows === "packed" ? packedRows(problem, padId, times) : problem),
        example_B: Int32Array.from(indices),
      }
    },
  }
}

/** Keeps the last few values of a function of one number. */
const remember = <T>(size: number, make: (key: number) => T): ((key: number) => T) => {
  const kept = new Map<number, T>()
  return (key) => {
    let value = kept.get(key)
    if (value === undefined) {
      value = make(key)
      if (kept.size >= size) kept.delete(kept.keys().next().value!)
      kept.set(key, value)
    }
    return value
  }
}
