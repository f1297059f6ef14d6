/** Times a draft: the beginning of a text by the target alone and with the draft, in short timed rounds. */
import type { Decoder, Proposer } from "@winnow/core"
import {
  bestDraftLength,
  expectedSpeedup,
  measureSpeedup,
  NothingToTime,
  type SpeculativeOptions,
} from "@winnow/decoding"
import type { Stop } from "@winnow/generation"

/** Tokens of a timed text: with fewer the times are noise, and more only cost time. */
const [FEWEST, MOST] = [8, 64]
/** Tokens a second below which one round has to do. */
const SLOW = 32

/** The figures of both ways, of the same texts; the first block, which reads the prompt, is in `speedup` alone. */
export interface Comparison {
  /** Tokens of each timed text, and timed rounds. */
  readonly tokens: number
  readonly rounds: number
  readonly tokensPerSecond: { readonly alone: number; readonly withDraft: number }
  /** Seconds a token alone over seconds a token with the draft, median of the rounds. */
  readonly speedup: number
  /** Tokens that a target call gave. */
  readonly tau: number
  /** Of one target call, in calls of the target alone on one token. */
  readonly cost: { readonly proposing: number; readonly verifying: number }
  /** Tokens proposed a target call. */
  readonly proposed: number
  /**
   * The fixed draft length with the largest expected speed-up, by acceptance and the cost of a token that is proposed and
   * checked; null of a proposer that is no model, whose acceptance is of the places where it proposes.
   */
  readonly best: { readonly draftLength: number; readonly speedup: number } | null
  /** Greedy: the target alone writes the same text. Null where it is sampled. */
  readonly same: boolean | null
}

/** The text that was written before. */
export interface Written {
  readonly tokens: number
  readonly tokensPerSecond: number
  /** Accepted over tested tokens; null if none was tested. */
  readonly acceptance: number | null
}

/**
 * Compares both ways.
 *
 * @returns undefined where the text is too short to be timed
 */
export const compareWithTarget = async (
  target: Decoder,
  proposer: Proposer,
  prompt: Int32Array,
  options: SpeculativeOptions,
  { tokens, tokensPerSecond, acceptance }: Written,
  { stop, signal }: { readonly stop?: Stop | undefined; readonly signal?: AbortSignal } = {},
): Promise<Comparison | undefined> => {
  if (tokens < FEWEST) return undefined
  const slow = tokensPerSecond < SLOW
  const maxNew = Math.min(tokens, slow ? 2 * FEWEST : MOST)
  const hooks = { ...(stop && { stop }), ...(signal && { signal }) }
  try {
    const rounds = slow ? { rounds: 1, warmup: 0 } : { rounds: 3, warmup: 1 }
    const timed = await measureSpeedup(target, proposer, [prompt], { ...options, maxNew }, rounds, hooks)
    const { seconds, proposedPerCall, identity } = timed
    const proposing = (proposedPerCall * seconds.draft) / seconds.target
    const verifying = seconds.verify / seconds.target
    // Checking costs more with each token, here taken as evenly.
    const c = Math.max(0, proposing + verifying - 1) / proposedPerCall
    const draftLength = bestDraftLength(acceptance ?? 0, c, 16)
    const best = { draftLength, speedup: expectedSpeedup(acceptance ?? 0, draftLength, c) }
    return {
      tokens: maxNew,
      rounds: rounds.rounds,
      tokensPerSecond: timed.tokensPerSecond,
      speedup: timed.speedup,
      tau: timed.blockEfficiency,
      cost: { proposing, verifying },
      proposed: proposedPerCall,
      best: proposer.model === undefined || proposedPerCall === 0 ? null : best,
      same: identity === null ? null : identity.identical === identity.prompts,
    }
  } catch (error) {
    if (error instanceof NothingToTime) return undefined
    throw error
  }
}
