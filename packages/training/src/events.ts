/** Events of a training stage while it runs: lines of metrics.jsonl, the source of progress bars and reports. */
import type { HeadChoice } from "./head/head.ts"

export interface StepEvent {
  readonly _tag: "step"
  readonly stage: string
  /** Steps done, from 1. */
  readonly step: number
  readonly steps: number
  /** Loss on the kept tokens, before this step's update. */
  readonly loss: number
  readonly gradNorm: number
  readonly learningRate: number
  readonly keptFraction: number
  /** Mean active loss of the kept and of the dropped tokens, if the filter needs this statistic. */
  readonly keptLoss?: number
  readonly droppedLoss?: number
  readonly tokensSeen: number
  readonly tokensTrained: number
  /** Seconds of steps so far, over all resumes. */
  readonly seconds: number
}

/** The filter's choice in the first sequences of a micro-batch. */
export interface KeptEvent {
  readonly _tag: "kept"
  readonly stage: string
  readonly step: number
  /** By sequence: gold ids of its valid tokens, and the weight of each. */
  readonly sequences: ReadonlyArray<{ readonly gold: ReadonlyArray<number>; readonly weights: ReadonlyArray<number> }>
}

export interface ResumedEvent {
  readonly _tag: "resumed"
  readonly stage: string
  readonly step: number
}

/** A sentence for people: a damaged checkpoint, and the step at which training goes on. */
export interface NoteEvent {
  readonly _tag: "note"
  readonly stage: string
  readonly text: string
}

/** The computation of the stage's head, chosen at the start or the resume of the stage. */
export interface HeadEvent extends HeadChoice {
  readonly _tag: "head"
  readonly stage: string
  /** Number of steps done before. */
  readonly step: number
}

export type TrainEvent = StepEvent | KeptEvent | ResumedEvent | NoteEvent | HeadEvent
