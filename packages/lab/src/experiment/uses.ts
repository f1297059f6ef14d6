/** The instances of a filter and a loss as they are before any model is there: to ask them what they need. */
import {
  type FilterInstance,
  type FilterUse,
  type InvalidInput,
  type LossInstance,
  type LossUse,
  type Model,
  Reference,
  Target,
} from "@winnow/core"
import { Effect } from "effect"

/** Made with models that are nothing: asked for while an instance is made, used only when it runs. */
export const instancesOf = (arm: {
  readonly filter: FilterUse
  readonly loss: LossUse
}): Effect.Effect<{ readonly filter: FilterInstance; readonly loss: LossInstance }, InvalidInput> => {
  const nothing = {} as Model
  return Effect.all({ filter: arm.filter.instance, loss: arm.loss.instance }).pipe(
    Effect.provideService(Target, nothing),
    Effect.provideService(Reference, { model: nothing }),
  )
}
