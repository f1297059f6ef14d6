/** Inputs of the stages that distil. */
import type { Architecture, Attends, HeadUse, LossUse, ServiceUse } from "@winnow/core"
import type { WrittenText } from "../experiment/text.ts"
import type { Stage } from "../stage.ts"
import type { ProbeText } from "./probe.ts"
import type { Cut, Sizes } from "./training.ts"

/** Text that a draft writes between its steps. */
export interface OwnWriting {
  readonly writing: WrittenText
  /** Share of the sequences whose answers it writes, above 0 to 1. */
  readonly share: number
  /** It names the token that ends a text. */
  readonly tokenizer: Stage
  readonly maxLength: number
}

/** Inputs of the stages that distil. */
export interface Distilling {
  readonly data: Stage
  readonly own?: OwnWriting | undefined
  /** The losses of the parts of the text, in order, where one has its own; undefined for the arm's. */
  readonly losses?: ReadonlyArray<LossUse | undefined> | undefined
  readonly tokenizer: Stage
  readonly target: Stage
  readonly start: Stage
  readonly seed: number
  /** The choice of examples that the training reads. */
  readonly selection?: Stage | undefined
  readonly sizes: Sizes
  /** Of a search with several rungs. */
  readonly cut?: Cut | undefined
  /** The tokens among which the filter's choices are recorded. */
  readonly probe?: ProbeText | undefined
  /** The head that the stage trains, where it trains no model; `start` then has its weights. */
  readonly head?: HeadUse | undefined
  /** True if a copy of the target is trained with the head. */
  readonly movesTrunk?: boolean | undefined
  /** Services that filters and losses may ask for. */
  readonly services: ReadonlyArray<ServiceUse>
  /** The reference's architecture where it differs from the draft's. */
  readonly architectures: {
    readonly draft: Architecture<Attends>
    readonly target: Architecture<Attends>
    readonly reference?: Architecture<Attends>
  }
}
