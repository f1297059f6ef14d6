/**
 * The arms of a pair of models: an encoder and a decoder from one start, on one text, in one order, and each of them
 * continued with its own objective and with the other's.
 */
import { everyToken, type ModelUse, nextToken, type ObjectiveUse } from "@winnow/core"
import type { Arm } from "../experiment/define.ts"
import type { ArmTraining } from "../experiment/spec.ts"
import { artifactOf, fresh } from "../experiment/start.ts"
import type { TrainingSpec } from "../experiment/training-spec.ts"

/** The models of a pair; the arm of size "nano" and model "encoder" is named "nano-encoder". */
export const pairModels = [
  "encoder",
  "decoder",
  "encoder-more",
  "decoder-more",
  "encoder-from-decoder",
  "decoder-from-encoder",
] as const
export type PairModel = (typeof pairModels)[number]

/** The decoder that predicts as many tokens as the encoder, where there is one. */
export const fewerPredictions = "decoder-fewer"

/** The name of an arm. */
export const pairArm = (size: string, model: PairModel | typeof fewerPredictions): string => `${size}-${model}`

/** The settings of pairs; the objective of a decoder is the next token. */
export interface PairSpec {
  /** The encoder of each size, of a family that can be turned, such as `modernbert`. */
  readonly sizes: Readonly<Record<string, ModelUse<"both">>>
  /** The training from the start, and the encoder's objective. */
  readonly training: Omit<TrainingSpec, "objective">
  readonly masked: ObjectiveUse
  /** The further training of all four: weights alone go on, with a fresh optimizer. */
  readonly further: Omit<TrainingSpec, "objective">
  /** The objective of an encoder that goes on. */
  readonly furtherMasked: ObjectiveUse
  /** The objective of a decoder that goes on as an encoder: `masked` by the position before. */
  readonly crossedMasked: ObjectiveUse
  /**
   * Share of its tokens that the encoder predicts: a decoder of so many of the steps, "decoder-fewer", predicts as many
   * tokens as the encoder. Left out: there is none.
   */
  readonly predictions?: number
}

/**
 * The arms of pairs by name: `arms: pairedArms({ ... })`. Encoder and decoder of a size and seed have the same initial
 * tensors and the same sequences in each step; the attention and the loss differ.
 */
export const pairedArms = (spec: PairSpec): Readonly<Record<string, Arm<never>>> => {
  const { training, further, masked, furtherMasked, crossedMasked, predictions } = spec
  const plain = { filter: everyToken(), loss: nextToken() }
  const arms: Record<string, Arm<never>> = {}
  for (const [size, model] of Object.entries(spec.sizes)) {
    const start = fresh(model)
    const turned = { ...start, turned: true } as const
    const after = (of: PairModel, crossed = false) =>
      artifactOf({ arm: pairArm(size, of) }, crossed ? { turned: true } : {})
    const put = (of: Parameters<typeof pairArm>[1], settings: ArmTraining) => {
      arms[pairArm(size, of)] = { ...plain, ...settings }
    }
    put("encoder", { ...training, start, objective: masked })
    put("decoder", { ...training, start: turned })
    put("encoder-more", { ...further, start: after("encoder"), objective: furtherMasked })
    put("decoder-more", { ...further, start: after("decoder") })
    put("encoder-from-decoder", { ...further, start: after("decoder", true), objective: crossedMasked })
    put("decoder-from-encoder", { ...further, start: after("encoder", true) })
    if (predictions !== undefined)
      put(fewerPredictions, {
        ...training,
        start: turned,
        steps: Math.max(1, Math.round(training.steps * predictions)),
      })
  }
  return arms
}
