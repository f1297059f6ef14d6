/** The frozen models that a filter or a loss compares the draft to, as services. */
import { Context } from "effect"
import type { Architecture, Attends, Encoder } from "./model.ts"
import type { StepState } from "./step-state.ts"

/** A frozen model: its shape, and its parameters unless signals from a cache replace them. */
export interface Frozen {
  readonly architecture: Architecture<Attends>
  /** undefined if no stage runs it. */
  readonly model: Encoder | undefined
}

/** A frozen model with its parameters. */
export const frozen = (model: Encoder): Frozen => ({ architecture: model.architecture, model })

/** The frozen large model p that verifies. */
export class Target extends Context.Service<Target, Frozen>()("@winnow/core/Target") {}

/**
 * The frozen model r of the draft's size that a filter compares the draft to; an average of the draft changes with it.
 */
export class Reference extends Context.Service<
  Reference,
  Frozen & {
    /** For a reference that follows the draft: its updates, and its part of a checkpoint. */
    readonly state?: StepState
  }
>()("@winnow/core/Reference") {}
