/** One optimizer step: micro-batches, their gradients summed, clipped by the global norm, applied by AdamW. */
import { type StepState, stateTensors } from "@winnow/core"
import { AdamW, squareSum, tf, type WeightAverage } from "@winnow/tensor"
import type { MicroResult } from "./micro-batch.ts"
import { learningRateAt, type OptimizerOptions } from "./schedule.ts"

export interface StepResult {
  /** sum of weights x loss over the sum of denominators: nats a token for the KL family. */
  readonly loss: number
  /** Global norm of the gradient before clipping. */
  readonly gradNorm: number
  readonly learningRate: number
  readonly valid: number
  readonly kept: number
  /** The last micro-batch's, for events that show the filter's choice. */
  readonly last: Omit<MicroResult, "gradients">
}

/** Euclidean norm over all tensors; their sums of squares are added in double. */
export const globalNorm = (tensors: ReadonlyArray<tf.Tensor>): number =>
  Math.sqrt(tensors.reduce((sum, x) => sum + squareSum(x), 0))

/** Adds b to a, name by name, and disposes both. */
const addGradients = (a: Record<string, tf.Tensor>, b: Record<string, tf.Tensor>): Record<string, tf.Tensor> => {
  const sum: Record<string, tf.Tensor> = { ...a }
  for (const [name, gradient] of Object.entries(b)) {
    const before = sum[name]
    sum[name] = before === undefined ? gradient : tf.add(before, gradient)
    if (before !== undefined) tf.dispose([before, gradient])
  }
  return sum
}

/** The sums over the micro-batches of a step, in their order. */
export interface Accumulated {
  readonly lossSum: number
  readonly denominator: number
  readonly valid: number
  readonly kept: number
  readonly last: Omit<MicroResult, "gradients">
  /** By parameter name. The caller disposes them. */
  readonly gradients: Record<string, tf.Tensor>
  /** True if the gradients are already divided by the denominator. */
  readonly divided: boolean
}

/**
 * Runs micro-batches 0..count-1 one after another.
 *
 * @param run runs one micro-batch; with count = 1 it divides by its own denominator
 */
export const accumulate = (count: number, run: (micro: number, divide: boolean) => MicroResult): Accumulated => {
  const divided = count === 1
  let gradients: Record<string, tf.Tensor> = {}
  try {
    let [lossSum, denominator, valid, kept] = [0, 0, 0, 0]
    let last: MicroResult | undefined
    for (let micro = 0; micro < count; micro++) {
      last = run(micro, divided)
      gradients = micro === 0 ? last.gradients : addGradients(gradients, last.gradients)
      lossSum += last.lossSum
      denominator += last.denominator
      valid += last.N
      kept += last.kept
    }
    const { gradients: _, ...rest } = last!
    return { lossSum, denominator, valid, kept, last: rest, gradients, divided }
  } catch (cause) {
    tf.dispose(gradients)
    throw cause
  }
}

/**
 * Applies the summed gradient of a step, and disposes it. If the loss or the gradient is not finite, it changes nothing
 * and the result tells the caller.
 */
export const applyStep = (
  optimizer: AdamW,
  options: OptimizerOptions,
  step: number,
  steps: number,
  { lossSum, denominator, valid, kept, last, gradients, divided }: Accumulated,
): StepResult => {
  try {
    const by = divided ? 1 : 1 / denominator
    const gradNorm = globalNorm(Object.values(gradients)) * by
    const loss = lossSum / denominator
    const learningRate = learningRateAt(options, step, steps)
    if (Number.isFinite(loss) && Number.isFinite(gradNorm)) {
      const clip = options.clip !== null && gradNorm > options.clip ? options.clip / gradNorm : 1
      optimizer.apply(gradients, learningRate, clip * by)
    }
    return { loss, gradNorm, learningRate, valid, kept, last }
  } finally {
    tf.dispose(gradients)
  }
}

/** One step in this process: `accumulate`, then `applyStep`. */
export const optimizerStep = (
  optimizer: AdamW,
  options: OptimizerOptions,
  step: number,
  steps: number,
  count: number,
  run: (micro: number, divide: boolean) => MicroResult,
): StepResult => applyStep(optimizer, options, step, steps, accumulate(count, run))

/** AdamW over a model's parameters with these settings. */
export const makeOptimizer = (parameters: ReadonlyMap<string, tf.Variable>, o: OptimizerOptions): AdamW =>
  new AdamW(parameters, { beta1: o.beta1, beta2: o.beta2, epsilon: o.epsilon, weightDecay: o.weightDecay })

/** The optimizer as a state of the stage: its number of updates, and both moments of each parameter. */
export const optimizerState = (optimizer: AdamW): StepState => {
  const moment = (name: string, which: "m" | "v") => ({
    shape: optimizer.parameters.get(name)!.shape,
    read: () => optimizer.readMoment(name, which),
    write: (values: Float32Array) => optimizer.writeMoment(name, which, values),
  })
  return {
    save: () => optimizer.steps,
    restore: (steps) => {
      optimizer.steps = steps as number
    },
    tensors: new Map(
      [...optimizer.parameters.keys()].flatMap((name) =>
        (["m", "v"] as const).map((which) => [`${which}.${name}`, moment(name, which)] as const),
      ),
    ),
  }
}

/** The average of the weights as a state of the stage: an update after each step. */
export const averageState = (average: WeightAverage): StepState => ({
  after: () => average.update(),
  save: () => average.steps,
  restore: (steps) => {
    average.steps = steps as number
  },
  tensors: stateTensors(average.averages),
})
