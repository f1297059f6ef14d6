/** Running counts of a stage, over all resumes. */
import { InvalidInput, type StepState } from "@winnow/core"
import { type } from "arktype"

const schema = type({
  "+": "reject",
  /** Steps done. */
  step: "number.integer >= 0",
  /** The loss of the last step. */
  loss: "number",
  /** Input tokens that went through the draft's trunk, without padding. */
  tokensSeen: "number >= 0",
  /** Positions of the batches' rows, padding included; left out after a checkpoint of a version that did not count them. */
  "positions?": "number >= 0",
  /** Tokens that the filter chose from. */
  tokensValid: "number >= 0",
  /** Tokens with a weight above 0 in the loss. */
  tokensTrained: "number >= 0",
  /** Seconds of steps. */
  seconds: "number >= 0",
})
export type Counters = typeof schema.infer

/** The size of a micro-batch that a step has run. */
export interface Seen {
  /** Input tokens, without padding. */
  readonly tokens: number
  /** Positions of its rows, padding included. */
  readonly positions: number
}

/** The counts before the first step. */
export const noSteps: Counters = {
  ...{ step: 0, loss: 0, tokensSeen: 0, positions: 0, tokensValid: 0, tokensTrained: 0, seconds: 0 },
}

/** The counts as a state of the stage, by getter and setter of the variable that stores them. */
export const countersState = (get: () => Counters, set: (counters: Counters) => void): StepState => ({
  save: get,
  restore: (saved) => {
    const counters = schema(saved)
    if (counters instanceof type.errors) throw new InvalidInput({ what: "counters", problems: [counters.summary] })
    set(counters)
  },
})
