/** One step of a training stage, as a function of the stage and the counts before it. */
import type { Draft, Encoder, FilterInstance, StepState } from "@winnow/core"
import type { BatchSource } from "@winnow/data"
import { NotFinite } from "@winnow/numerics"
import type { AdamW } from "@winnow/tensor"
import type { Counters, Seen } from "./counters.ts"
import type { TrainEvent } from "./events.ts"
import type { Head } from "./head/head.ts"
import { keptLosses, keptSequences } from "./kept-events.ts"
import { type MicroBatch, runMicroBatch } from "./micro-batch.ts"
import { accumulate, applyStep, type StepResult } from "./optimizer-step.ts"
import type { OptimizerOptions } from "./schedule.ts"
import type { Sharing } from "./sharing/sharing.ts"
import type { SourceHeads } from "./sources.ts"

/** The constants of a stage; the numbers of the models and of the optimizer change. */
export interface StageSetting {
  readonly stage: string
  readonly model: Draft
  readonly target: Encoder | undefined
  readonly reference: Encoder | undefined
  readonly filter: FilterInstance
  readonly head: Head
  readonly sources?: SourceHeads | undefined
  readonly batches: BatchSource
  readonly steps: number
  readonly microBatches: number
  readonly optimizer: AdamW
  readonly settings: OptimizerOptions
  readonly seed: number
  /** The states whose hooks run around each step. */
  readonly hooks: Pick<StepState, "before" | "after">
  /** The other processes that take part in the steps; undefined: none. */
  readonly sharing?: Sharing | undefined
}

/** A finished step. */
export interface StepDone {
  readonly counters: Counters
  readonly result: StepResult
}

/** A step with a result that is not finite, and that was therefore not applied. */
export interface StepRefused {
  readonly refused: string
}

/** Runs the step after `before.step` steps. */
export const oneStep = (setting: StageSetting, before: Counters): StepDone | StepRefused => {
  const { stage: _, model, batches, microBatches, optimizer, settings, hooks, sharing, ...rest } = setting
  const { step } = before
  const began = performance.now()
  hooks.before?.(step, model)
  const numbers = Array.from({ length: microBatches }, (_, micro) => step * microBatches + micro)
  let seen: ReadonlyArray<Seen> = []
  const refused = (fault: string): StepRefused => ({
    refused: `batch ${(sharing ? numbers : numbers.slice(0, seen.length)).join(" ")}: ${fault}`,
  })
  let result: StepResult
  try {
    const run = (micro: number, divide: boolean, onHeadGradient?: MicroBatch["onHeadGradient"]) => {
      const batch = batches.batch(numbers[micro]!)
      seen = [...seen, { tokens: batch.tokens, positions: batch.B * batch.T }]
      return runMicroBatch({
        ...rest,
        filter: sharing?.filter ?? rest.filter,
        onHeadGradient,
        batch,
        draft: model,
        step,
        micro,
        divide,
      })
    }
    if (sharing === undefined) {
      result = applyStep(
        optimizer,
        settings,
        step,
        setting.steps,
        accumulate(microBatches, (micro, divide) => run(micro, divide)),
      )
    } else {
      const { accumulated, all } = sharing.accumulate(microBatches, (micro, onHeadGradient) => {
        const { gradients, ...result } = run(micro, false, onHeadGradient)
        return { result, gradients, seen: seen.at(-1)! }
      })
      seen = all
      result = applyStep(optimizer, settings, step, setting.steps, accumulated)
    }
  } catch (cause) {
    // A filter that ranks tokens refuses a statistic that is not finite.
    if (cause instanceof NotFinite) return refused(cause.message)
    throw cause
  }
  if (!Number.isFinite(result.loss) || !Number.isFinite(result.gradNorm))
    return refused(`loss ${result.loss}, gradient norm ${result.gradNorm}; both must be finite`)
  hooks.after?.(step + 1, model)
  return {
    result,
    counters: {
      step: step + 1,
      loss: result.loss,
      tokensSeen: seen.reduce((sum, { tokens }) => sum + tokens, before.tokensSeen),
      ...(before.positions !== undefined && {
        positions: seen.reduce((sum, { positions }) => sum + positions, before.positions),
      }),
      tokensValid: before.tokensValid + result.valid,
      tokensTrained: before.tokensTrained + result.kept,
      seconds: before.seconds + (performance.now() - began) / 1000,
    },
  }
}

/**
 * The events of a step.
 *
 * @param keptEvery steps between two events that show the filter's choice; the first step has one too
 */
export const eventsOf = (
  { stage, steps }: StageSetting,
  { counters, result }: StepDone,
  keptEvery: number,
): ReadonlyArray<TrainEvent> => {
  const { step, loss, tokensSeen, tokensTrained, seconds } = counters
  const { last, gradNorm, learningRate } = result
  const event: TrainEvent = {
    _tag: "step",
    stage,
    step,
    steps,
    loss,
    gradNorm,
    learningRate,
    keptFraction: result.kept / result.valid,
    ...keptLosses(last.statistics, last.weights_N),
    tokensSeen,
    tokensTrained,
    seconds,
  }
  if (step % keptEvery !== 0 && step !== 1) return [event]
  return [event, { _tag: "kept", stage, step, sequences: keptSequences(last.tokens, last.weights_N, 3) }]
}
