/** Speculative decoding of many prompts, one after another, with counts. */
import type { Decoder, Proposer } from "@winnow/core"
import { drive, type Rollout, type Stop } from "@winnow/generation"
import {
  type SpeculativeCounts,
  type SpeculativeOptions,
  SpeculativeSession,
  type SpeculativeTiming,
} from "./speculative.ts"

/** The decoding of one prompt. */
export interface Speculated {
  readonly rollout: Rollout
  readonly counts: SpeculativeCounts
  readonly timing: SpeculativeTiming
  /** Greedy: top logit minus second at each emitted token; empty when sampled. */
  readonly margins: ReadonlyArray<number>
}

export interface SpeculateHooks {
  readonly stop?: Stop
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: {
    readonly prompts: number
    readonly finished: number
    readonly tokens: number
  }) => void
}

/** Decodes one prompt; between blocks the event loop runs other work and Ctrl-C. */
export const speculateOne = async (
  target: Decoder,
  proposer: Proposer | undefined,
  prompt: ArrayLike<number>,
  options: SpeculativeOptions,
  { stop, signal }: Pick<SpeculateHooks, "stop" | "signal"> = {},
): Promise<Speculated> => {
  const { rollout, counts, timing, margins } = await drive(
    new SpeculativeSession(target, proposer, prompt, options, stop),
    { signal },
  )
  return { rollout, counts, timing, margins }
}

/**
 * Decodes prompts with the target and a proposer, batch 1: greedy output is the target's own, sampled output has the
 * target's distribution.
 *
 * @param options.index index of the first prompt; each prompt draws from the stream of seed and its index
 * @error InvalidInput for bad options; RangeError for a bad prompt; Error if the vocabularies differ
 */
export const speculate = async (
  target: Decoder,
  proposer: Proposer | undefined,
  prompts: ReadonlyArray<ArrayLike<number>>,
  options: SpeculativeOptions,
  { onProgress, ...hooks }: SpeculateHooks = {},
): Promise<ReadonlyArray<Speculated>> => {
  const done: Array<Speculated> = []
  let tokens = 0
  for (const [i, prompt] of prompts.entries()) {
    const result = await speculateOne(target, proposer, prompt, { ...options, index: (options.index ?? 0) + i }, hooks)
    done.push(result)
    tokens += result.rollout.tokens.length
    onProgress?.({ prompts: prompts.length, finished: done.length, tokens })
  }
  return done
}
