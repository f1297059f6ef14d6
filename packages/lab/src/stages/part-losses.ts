/** The losses of a mixture's parts, as a service of the stage that trains on it. */
import { type InvalidInput, type Loss, type LossUse, lossService, type Target } from "@winnow/core"
import type { EncodedTask } from "@winnow/data"
import type { SourceLosses } from "@winnow/training"
import { Context, Effect, Layer } from "effect"

/** By part, in order; undefined for the arm's loss. Empty where no part has its own. */
export class PartLosses extends Context.Service<PartLosses, ReadonlyArray<Loss["Service"] | undefined>>()(
  "@winnow/lab/PartLosses",
) {}

/** @param losses by part, in order; undefined where no part has its own */
export const partLosses = (
  losses: ReadonlyArray<LossUse | undefined> = [],
): Layer.Layer<PartLosses, InvalidInput, Target> =>
  Layer.effect(
    PartLosses,
    Effect.forEach(losses, (use) => (use === undefined ? Effect.succeed(undefined) : lossService(use))),
  )

/** The losses of a text's examples; undefined where every example has the arm's. */
export const sourceLosses = ({ parts = [] }: EncodedTask, losses: PartLosses["Service"]): SourceLosses | undefined =>
  losses.length === 0
    ? undefined
    : { losses, source_E: Int32Array.from(parts.flatMap((count, part) => new Array<number>(count).fill(part))) }
