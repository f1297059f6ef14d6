/** The number of stages that run at once: the requested number, limited by cores and by memory. */
import { availableParallelism } from "node:os"
import { type Architecture, type Attends, InvalidInput } from "@winnow/core"
import { availableMemory } from "@winnow/engine"
import { parameterCount } from "@winnow/models"
import { Effect } from "effect"
import type { Architectures } from "../architectures.ts"
import { type Trainings, trainingsOf } from "../experiment/places.ts"

/** Cores that a run may compute on: TF_NUM_INTRAOP_THREADS where it is set, all of them otherwise. */
export const sharedCores = (): number => Number(process.env["TF_NUM_INTRAOP_THREADS"]) || availableParallelism()

/**
 * Bytes of an idle worker with all its code loaded: Bun, TensorFlow, the experiment. Workers with the quickstart's models took
 * 0.56 to 0.65 GB in all; training took a tenth of that.
 */
export const emptyWorker = 0.5e9

/** Weights, gradients and both moments of the optimizer. */
const bytesPerTrained = 16
/**
 * Bytes of activations for each number that a layer's matrix products give a token. They count the values that the backward
 * pass reads again, and copies. The GSM8K targets and drafts peaked at 1.2 to 1.8 GB. At 12 bytes a number their activations
 * are 0.75 GB; twice that is near the highest peak.
 */
const bytesPerActivation = 24

/** An estimate of the bytes that the training of a model takes, by the tokens of a batch, without the idle worker. */
export const trainingBytes = (of: Architecture<Attends>, tokens: number, length: number): number =>
  bytesPerTrained * parameterCount(of) + (bytesPerActivation * tokens * of.trunkFlops(length)) / (2 * of.hiddenSize)

/** An estimate of a worker's peak memory in bytes, with the batches and the models of an experiment. */
export const workerBytes = (
  resolved: Trainings & { readonly maxLength: number },
  architectures: Architectures,
): number => {
  const { maxLength } = resolved
  // The estimate takes the largest model, because arms may begin with models of other sizes.
  const largest = [architectures.draft, ...(architectures.others ?? []).map(({ architecture }) => architecture)].reduce(
    (a, b) => (parameterCount(b) > parameterCount(a) ? b : a),
  )
  const frozen = 4 * (parameterCount(architectures.target) + parameterCount(largest))
  const each = trainingsOf(resolved).map(({ at, training: { batchSize } }) => {
    const training = (of: Architecture<Attends>) => trainingBytes(of, batchSize * maxLength, maxLength)
    return at === "target.pretraining" ? training(architectures.target) : frozen + training(largest)
  })
  return emptyWorker + Math.max(...each)
}

/** The resources of a machine that workers share. */
export interface Machine {
  readonly cores: number
  /** Free memory in bytes. */
  readonly memory: number
}

export const thisMachine = (): Machine => ({ cores: sharedCores(), memory: availableMemory() })

/** The fraction of free memory that stays with other programs and with the run's own first process. */
const spared = 0.1

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`

/** The number that `--jobs` gives. @error InvalidInput for anything but a whole number of at least 1 */
export const askedJobs = (jobs: number | undefined): Effect.Effect<number | undefined, InvalidInput> => {
  if (jobs === undefined || (Number.isSafeInteger(jobs) && jobs >= 1)) return Effect.succeed(jobs)
  const problems = ["expected a whole number from 1 on; without --jobs it is as many as there are cores"]
  return Effect.fail(new InvalidInput({ what: `--jobs ${jobs}`, problems }))
}

/**
 * The number of stages that run at once.
 *
 * @param asked 1 or more; undefined: as many as there are cores
 * @param perWorker bytes
 * @returns the number, with a note where it is less than the requested number, or where memory limits it below the cores
 */
export const allowedJobs = (
  asked: number | undefined,
  perWorker: number,
  { cores, memory }: Machine,
): { readonly jobs: number; readonly note?: string } => {
  const wanted = Math.min(asked ?? cores, cores)
  const jobs = Math.max(1, Math.min(wanted, Math.floor((memory * (1 - spared)) / perWorker)))
  const run = `${jobs} stage${jobs === 1 ? " runs" : "s run"} at once`
  if (jobs < wanted) {
    const asks = asked === undefined ? `there are ${cores} cores` : `--jobs ${asked}`
    const why = `a worker takes about ${gigabytes(perWorker)} of memory, and ${gigabytes(memory)} are free`
    return { jobs, note: `${asks}, ${run}: ${why}` }
  }
  if (asked !== undefined && asked > cores)
    return { jobs, note: `--jobs ${asked}, ${run}: there ${cores === 1 ? "is 1 core" : `are ${cores} cores`}` }
  return { jobs }
}
