/** Evidence of any proposer on finished texts of the target, by a pass or by a replay. */
import type { Decoder, Proposer, Sampling } from "@winnow/core"
import type { Pieces, Rollout } from "@winnow/generation"
import { type Evidence, greedyPass, sampledPass } from "./evidence.ts"
import { replayPass } from "./replay.ts"
import { seenPlacesPass, seenReplayPass, seesTarget } from "./seen-replay.ts"

/** Conditions of decoding that a replay shares. */
export interface BlockConditions {
  readonly eosId: number | undefined
  /** The longest draft length that will be counted. */
  readonly longest: number
}

/**
 * Evidence on greedy texts of the target: a pass of the draft, or a replay.
 *
 * @returns undefined for a proposer that only decoding can judge: it has no draft model, reads no states and is not
 *   deterministic
 */
export const evidenceOnGreedy = (
  target: Decoder,
  proposer: Proposer,
  rollouts: ReadonlyArray<Rollout>,
  conditions: BlockConditions,
): Pieces<Evidence> | undefined => {
  if (proposer.model !== undefined) return greedyPass(proposer.model, rollouts)
  if (seesTarget(proposer)) return seenReplayPass(target, proposer, rollouts, conditions)
  if (proposer.deterministic !== true) return undefined
  const { vocabularySize } = target.architecture
  return replayPass(proposer, rollouts, { sampling: { temperature: 0 }, vocabularySize, ...conditions })
}

/** Evidence on sampled texts of the target: a pass of both models, or a replay. */
export const evidenceOnSamples = (
  target: Decoder,
  proposer: Proposer,
  rollouts: ReadonlyArray<Rollout>,
  sampling: Sampling,
  conditions: BlockConditions,
): Pieces<Evidence> | undefined => {
  if (proposer.model !== undefined) return sampledPass(target, proposer.model, rollouts, sampling)
  if (seesTarget(proposer)) return seenPlacesPass(target, proposer, rollouts, sampling, conditions)
  if (proposer.deterministic !== true) return undefined
  const { vocabularySize } = target.architecture
  return replayPass(proposer, rollouts, { sampling, vocabularySize, ...conditions })
}
