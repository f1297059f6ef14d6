/** The optimizer's settings and the learning rate of each step. */
import { float32FromZero, positiveFloat32, shareBelowOne } from "@winnow/core"
import { type } from "arktype"

/** Settings of AdamW and its schedule. */
export const optimizerOptions = type({
  "+": "reject",
  // Small models from scratch: pilot runs at these sizes used 3e-3.
  learningRate: positiveFloat32.default(0.003),
  // Steps of linear warm-up from 0.
  warmup: "number.integer >= 0 = 50",
  // Constant as in AdaSPEC's recipe: the state at a step does not depend on the length of the run.
  schedule: "'constant' | 'cosine' | 'decay' = 'constant'",
  // The end of cosine and decay, as a fraction of the peak.
  finalFraction: "0 <= number <= 1 = 0.1",
  // Share of the steps at the end in which `decay` falls; before them it is constant. 0.2 if left out.
  "decayShare?": "0 < number <= 1",
  weightDecay: float32FromZero.default(0.1),
  beta1: shareBelowOne.default(0.9),
  // 0.95 rather than 0.999: runs here are hundreds of steps long.
  beta2: shareBelowOne.default(0.95),
  epsilon: positiveFloat32.default(1e-8),
  // Decay of the average of the weights over the steps that the training ends with; 0 or left out: the last step's weights.
  "average?": "0 <= number < 1",
  // Largest global norm of the gradient; null for none.
  clip: positiveFloat32.or("null").default(1),
})
export type OptimizerOptions = typeof optimizerOptions.infer
export type OptimizerInput = typeof optimizerOptions.inferIn

/**
 * Learning rate of step t of T (both counted from 0): linear warm-up to the peak, then constant, a half cosine, or
 * constant and at the end 1 - sqrt of the share of the decay that is done.
 *
 * @returns above 0 from the first step on: step 0 of a warm-up of w has peak / w
 */
export const learningRateAt = (options: OptimizerOptions, step: number, steps: number): number => {
  const { learningRate: peak, warmup, schedule, finalFraction, decayShare = 0.2 } = options
  if (step < warmup) return (peak * (step + 1)) / warmup
  if (schedule === "constant") return peak
  if (schedule === "decay") {
    const length = Math.max(1, Math.min(decayShare * steps, steps - warmup))
    const fallen = 1 - Math.sqrt(Math.min(1, Math.max(0, step - (steps - length)) / length))
    return peak * (finalFraction + (1 - finalFraction) * fallen)
  }
  const done = Math.min(1, (step - warmup) / Math.max(1, steps - warmup))
  return peak * (finalFraction + (1 - finalFraction) * 0.5 * (1 + Math.cos(Math.PI * done)))
}
