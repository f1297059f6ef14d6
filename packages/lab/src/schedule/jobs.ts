/** The number of stages that run at once: the requested number, limited by cores and by memory. */
import { availableParallelism } from "node:os"
import { type Architecture, type Attends, type HeadArchitecture, InvalidInput } from "@winnow/core"
import { availableMemory } from "@winnow/engine"
import { parameterCount } from "@winnow/models"
import { Effect } from "effect"
import type { Architectures } from "../architectures.ts"
import { headParameters, headTokenFlops } from "../budget.ts"
import { ownStarts, type Trainings, trainingsOf } from "../experiment/places.ts"
import type { HeadStart } from "../experiment/start.ts"

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
  bytesPerTrained * parameterCount(of) + activationBytes(of.trunkFlops(length), of, tokens)

const activationBytes = (flops: number, { hiddenSize }: Pick<Architecture<Attends>, "hiddenSize">, tokens: number) =>
  (bytesPerActivation * tokens * flops) / (2 * hiddenSize)

/** The same of a head, without its frozen target. */
const headBytes = (
  head: HeadArchitecture,
  { trunk }: HeadStart,
  target: Architecture<Attends>,
  tokens: number,
  length: number,
): number =>
  bytesPerTrained * headParameters(head) +
  activationBytes(headTokenFlops(head, target, length), target, tokens) +
  (trunk === "trained" ? trainingBytes(target, tokens, length) : 0)

/** An estimate of a worker's peak memory in bytes, with the batches and the models of an experiment. */
export const workerBytes = (
  resolved: Trainings & { readonly maxLength: number },
  architectures: Architectures,
): number => {
  const { maxLength } = resolved
  const { target, draft, draftHead, others = [] } = architectures
  const all = [{ name: "draft", architecture: draft, head: draftHead }, ...others]
  const places = new Map(ownStarts(resolved).map(({ start, name }) => [start, all.find((one) => one.name === name)]))
  // The estimate takes the largest model, because arms may begin with models of other sizes.
  const largest = all
    .flatMap(({ architecture, head }) => (head ? [] : [architecture]))
    .reduce<Architecture<Attends> | undefined>(
      (a, b) => (a === undefined || parameterCount(b) > parameterCount(a) ? b : a),
      undefined,
    )
  const frozen = 4 * (parameterCount(target) + (largest ? parameterCount(largest) : 0))
  const each = trainingsOf(resolved).map(({ at, training: { batchSize, optimizer }, from }) => {
    const tokens = batchSize * maxLength
    const averages = (parameters: number) => (optimizer.average ? 4 * parameters : 0)
    if (at === "target.pretraining") return trainingBytes(target, tokens, maxLength) + averages(parameterCount(target))
    const head = from.kind === "head" ? places.get(from)?.head : undefined
    if (from.kind === "head" && head)
      return frozen + headBytes(head, from, target, tokens, maxLength) + averages(headParameters(head))
    const model = largest ?? draft
    return frozen + trainingBytes(model, tokens, maxLength) + averages(parameterCount(model))
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

/** The number that `--devices` gives; 1 without it. @error InvalidInput for anything but a whole number of at least 1 */
export const askedDevices = (devices = 1): Effect.Effect<number, InvalidInput> => {
  if (Number.isSafeInteger(devices) && devices >= 1) return Effect.succeed(devices)
  const problems = ["expected a whole number of processes from 1 on; without --devices one process trains a model"]
  return Effect.fail(new InvalidInput({ what: `--devices ${devices}`, problems }))
}

/** The number of stages at once that leaves each process of a shared training a core. */
export const jobsBeside = (devices: number): number => Math.max(1, Math.floor(sharedCores() / devices))

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
