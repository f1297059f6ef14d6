/** The frozen models that a filter or a loss compares the draft to, as services. */
import { Context } from "effect"
import type { Architecture, Attends, Encoder } from "./model.ts"
import type { StepState } from "./step-state.ts"

/** A frozen model: its shape, and its numbers unless signals from a cache stand for them. */
export interface Frozen {
  readonly architecture: Architecture<Attends>
  /** undefined where nothing runs it. */
  readonly model: Encoder | undefined
}

/** A frozen model whose numbers are there. */
export const frozen = (model: Encoder): Frozen => ({ architecture: model.architecture, model })

/** The frozen large model p that verifies. */
export class Target extends Context.Service<Target, Frozen>()("@winnow/core/Target") {}

/** The frozen model r of the draft's size that a filter compares the draft to; an average of the draft moves. */
export class Reference extends Context.Service<
  Reference,
  Frozen & {
    /** Of a reference that follows the draft: how it moves, and its part of a checkpoint. */
    readonly state?: StepState
  }
>()("@winnow/core/Reference") {}
