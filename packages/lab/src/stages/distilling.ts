/** Inputs of the stages that distil. */
import type { Architecture, Attends, HeadUse, ServiceUse } from "@winnow/core"
import type { Stage } from "../stage.ts"
import type { Sizes } from "./training.ts"

/** Inputs of the stages that distil. */
export interface Distilling {
  readonly data: Stage
  readonly target: Stage
  readonly start: Stage
  readonly seed: number
  /** The choice of examples that the training reads. */
  readonly selection?: Stage | undefined
  readonly sizes: Sizes
  /** Services that filters and losses may ask for. */
  /** The head that the stage trains, where it trains no model; `start` then has its weights. */
  readonly head?: HeadUse | undefined
  readonly services: ReadonlyArray<ServiceUse>
  /** The reference's architecture where it differs from the draft's. */
  readonly architectures: {
    readonly draft: Architecture<Attends>
    readonly target: Architecture<Attends>
    readonly reference?: Architecture<Attends>
  }
}
