/**
 * A training stage: steps from a source of batches, with events, checkpoints and resume.
 *
 * The loss and the filter come as services, the target and the reference too where there are any: an arm is a layer. A stage
 * that was killed at any moment and started again ends with the same weights, bit by bit, on the same machine.
 */
import { DataError, Filter, InvalidInput, Loss, type Model, Reference, Target, TrainingStopped } from "@winnow/core"
import type { BatchSource } from "@winnow/data"
import { NotFinite } from "@winnow/numerics"
import { checkLeaks, engineMemory, type Precision, withPrecision } from "@winnow/tensor"
import { Effect, Option } from "effect"
import { type Counters, resumeCheckpoint, saveCheckpoint } from "./checkpoint.ts"
import type { TrainEvent } from "./events.ts"
import { keptLosses, keptSequences } from "./kept-events.ts"
import { runMicroBatch } from "./micro-batch.ts"
import { globalNorm, makeOptimizer, optimizerStep, type StepResult } from "./optimizer-step.ts"
import type { OptimizerOptions } from "./schedule.ts"
import type { CachedSignals } from "./signals/cached.ts"

export interface TrainOptions {
  /** Names the stage in events and errors, such as "arm adaspec, seed 2". */
  readonly stage: string
  /** The model that is trained, in place. */
  readonly model: Model
  readonly batches: BatchSource
  readonly steps: number
  /** Batches of the source summed into one optimizer step. */
  readonly microBatches?: number
  readonly optimizer: OptimizerOptions
  readonly seed: number
  /** Signals of the frozen models from caches, for these batches' examples; what is not here is computed in each step. */
  readonly signals?: CachedSignals
  /** Where to resume from and write to; without it nothing is written and a kill loses the stage. */
  readonly checkpoint?: {
    readonly directory: string
    /** Tells this run from others: the artifact's key. */
    readonly identity: string
    /** At least this many seconds between two checkpoints. */
    readonly everySeconds: number
  }
  readonly onEvent?: (event: TrainEvent) => void
  /**
   * How matrix products round their operands, in every model that the steps run; sums are float32. float32 by default.
   * "bfloat16" is about twice as quick where the processor multiplies it (AMX, AVX-512-BF16), and changes no weight's precision.
   * It takes the native library: without it products are float32, whatever is asked for here.
   */
  readonly precision?: Precision
  /** Rows of a chunk of logits; chosen by the vocabulary when left out. */
  readonly chunkRows?: number
  /** Events that show what the filter kept. 8 by default, spread over the stage. */
  readonly keptEvents?: number
}

export interface TrainSummary {
  readonly steps: number
  /** Input tokens that went through the draft's trunk, padding left out. */
  readonly tokensSeen: number
  /** Tokens that were in the loss with a weight above 0. */
  readonly tokensTrained: number
  /** Seconds of steps, over all resumes. */
  readonly seconds: number
  readonly finalLoss: number
}

/**
 * Rows of a chunk: about 26 MB of logits, so that a chunk's few [R, V] tensors stay small beside the model while each
 * product has enough rows to be quick (128 rows at V = 50 304).
 */
export const chunkRowsFor = (vocabulary: number): number =>
  Math.max(16, Math.min(2048, Math.round(6.5e6 / vocabulary / 16) * 16))

/**
 * Trains to `steps`, from the newest checkpoint if there is one.
 *
 * @error TrainingStopped when the loss or the gradient is not finite: names the step, the batch and the last good checkpoint
 * @error InvalidInput when the filter's answer is unusable or a checkpoint is of another run
 */
export const trainStage = (
  options: TrainOptions,
): Effect.Effect<TrainSummary, TrainingStopped | DataError | InvalidInput, Filter | Loss> =>
  Effect.scoped(run(options)).pipe(Effect.withSpan("trainStage", { attributes: { stage: options.stage } }))

const run = Effect.fnUntraced(function* (options: TrainOptions) {
  const { stage, model, batches, steps, optimizer: settings, seed, checkpoint } = options
  const [filter, loss] = [yield* Filter, yield* Loss]
  const target = Option.getOrUndefined(yield* Effect.serviceOption(Target))
  const reference = Option.getOrUndefined(yield* Effect.serviceOption(Reference))
  const emit = options.onEvent ?? (() => {})
  const microBatches = options.microBatches ?? 1
  const chunkRows = options.chunkRows ?? chunkRowsFor(model.architecture.vocabularySize)
  const keptEvery = Math.max(1, Math.floor(steps / (options.keptEvents ?? 8)))
  const following = reference?.afterStep === undefined ? undefined : reference.model.parameters

  let counters: Counters = {
    step: 0,
    loss: 0,
    tokensSeen: 0,
    tokensTrained: 0,
    seconds: 0,
    filter: null,
    identity: checkpoint?.identity ?? "",
  }
  const found = checkpoint
    ? yield* resumeCheckpoint(checkpoint.directory, checkpoint.identity, {
        parameters: model.parameters,
        reference: following,
      })
    : undefined
  const optimizer = yield* Effect.acquireRelease(
    Effect.sync(() => makeOptimizer(model.parameters, settings)),
    (o) => Effect.sync(() => o.dispose()),
  )
  if (found !== undefined) {
    yield* found.restore(optimizer)
    counters = found.counters
    if (counters.filter !== null) filter.restore(counters.filter)
    emit({ _tag: "resumed", stage, step: counters.step })
  }
  let saved = found === undefined ? undefined : counters.step
  let savedAt = Date.now()
  let firstDone = false
  let intact = true
  const save = Effect.suspend(() => {
    if (checkpoint === undefined || saved === counters.step || counters.step === 0) return Effect.void
    saved = counters.step
    savedAt = Date.now()
    return saveCheckpoint(
      checkpoint.directory,
      { ...counters, filter: filter.save() ?? null },
      { parameters: model.parameters, optimizer, reference: following },
    )
  })

  const oneStep = (step: number): TrainingStopped | undefined => {
    const began = performance.now()
    const before = engineMemory()
    let tokens = 0
    let numbers = ""
    const stopped = (what: string) => {
      // nothing of this step was applied, but weights may have been spoilt before, or from outside
      intact = Number.isFinite(globalNorm([...model.parameters.values()]))
      const last = intact && checkpoint !== undefined && step > 0 ? step : saved
      const good = last === undefined ? "none" : `step ${last} in ${checkpoint!.directory}`
      return new TrainingStopped({
        step: step + 1,
        message:
          `${stage}: step ${step + 1} of ${steps}, batch${numbers}: ${what}. ` +
          `The weights are those of step ${step}; last good checkpoint: ${good}. ` +
          "Try a lower learning rate, a longer warm-up, or a smaller clip.",
      })
    }
    const run = (micro: number, divide: boolean) => {
      const number = step * microBatches + micro
      const batch = batches.batch(number)
      tokens += batch.tokens
      numbers += ` ${number}`
      return runMicroBatch({
        batch,
        draft: model,
        target,
        reference: reference?.model,
        signals: options.signals,
        filter,
        loss,
        step,
        steps,
        seed,
        micro,
        chunkRows,
        divide,
      })
    }
    let result: StepResult
    try {
      result = optimizerStep(optimizer, settings, step, steps, microBatches, run)
    } catch (cause) {
      // a filter that ranks tokens refuses a statistic that is not finite
      if (cause instanceof NotFinite) return stopped(cause.message)
      throw cause
    }
    if (!Number.isFinite(result.loss) || !Number.isFinite(result.gradNorm)) {
      return stopped(`loss ${result.loss}, gradient norm ${result.gradNorm}; both must be finite`)
    }
    reference?.afterStep?.(model.parameters, step + 1)
    // the first step of a process may make what stays: a filter's memory, a table
    if (firstDone) checkLeaks(before, `${stage}, step ${step + 1}`)
    firstDone = true
    const { last } = result
    counters = {
      ...counters,
      step: step + 1,
      loss: result.loss,
      tokensSeen: counters.tokensSeen + tokens,
      tokensTrained: counters.tokensTrained + result.kept,
      seconds: counters.seconds + (performance.now() - began) / 1000,
    }
    emit({
      _tag: "step",
      stage,
      step: step + 1,
      steps,
      loss: result.loss,
      gradNorm: result.gradNorm,
      learningRate: result.learningRate,
      keptFraction: result.kept / result.valid,
      ...keptLosses(last.statistics, last.weights_N),
      tokensSeen: counters.tokensSeen,
      tokensTrained: counters.tokensTrained,
      seconds: counters.seconds,
    })
    if ((step + 1) % keptEvery === 0 || step === 0) {
      const batch = batches.batch(step * microBatches + microBatches - 1)
      emit({ _tag: "kept", stage, step: step + 1, sequences: keptSequences(batch, last.weights_N, 3) })
    }
    return undefined
  }

  yield* Effect.gen(function* () {
    while (counters.step < steps) {
      const stopped = yield* Effect.try({
        try: () => withPrecision(options.precision ?? "float32", () => oneStep(counters.step)),
        catch: (cause) =>
          cause instanceof InvalidInput
            ? new InvalidInput({
                what: `${stage}, step ${counters.step + 1}: ${cause.what}`,
                problems: cause.problems,
              })
            : new DataError({
                message: `${stage}, step ${counters.step + 1}: ${cause instanceof Error ? cause.message : String(cause)}`,
                cause,
              }),
      })
      if (stopped !== undefined) {
        if (intact) yield* save
        return yield* stopped
      }
      if (checkpoint !== undefined && Date.now() - savedAt >= checkpoint.everySeconds * 1000) yield* save
      yield* Effect.yieldNow
    }
  }).pipe(Effect.onInterrupt(() => Effect.orDie(save)))
  yield* save
  return {
    steps: counters.step,
    tokensSeen: counters.tokensSeen,
    tokensTrained: counters.tokensTrained,
    seconds: counters.seconds,
    finalLoss: counters.loss,
  }
})
