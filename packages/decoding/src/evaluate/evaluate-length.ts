/** One draft length of an evaluation: decoded for real, held against the estimate, timed. */
import { type Decoder, type Proposer, samplingOf } from "@winnow/core"
import type { Rollout, Stop } from "@winnow/generation"
import { type Acceptance, acceptanceRecord, estimateAcceptance, estimatedCounts } from "../acceptance.ts"
import { acceptanceOf, type BlockCounts, blockEfficiencyOf, sumCounts } from "../counts.ts"
import type { Evidence } from "../evidence.ts"
import { compareGreedy, type Identity } from "../identity.ts"
import { parameterRatio } from "../parameter-ratio.ts"
import { type Speculated, speculate } from "../speculate.ts"
import type { SpeculativeCounts } from "../speculative.ts"
import type { EvaluateSettings } from "./options.ts"
import { type OverPrompts, overPrompts, scaled } from "./over-prompts.ts"
import { type TimedLength, timeLength } from "./time-length.ts"

/** Counts of all prompts together, and what else a run counted. */
export interface EvaluatedCounts extends BlockCounts {
  /** accepted + rejected. */
  readonly tested: number
  readonly proposed: number
  readonly fallbacks: number
}

export interface EvaluatedLength {
  /** gamma. */
  readonly draftLength: number
  /** accepted / (accepted + rejected) in greedy decoding, pooled; null where nothing was tested, as at gamma 0. */
  readonly greedyAcceptance: number | null
  /** Counted in the runs below at temperature 0; above it, from the evidence on the target's greedy texts. */
  readonly greedyAcceptanceSource: Acceptance["source"]
  /** The same ratio of the runs below where they were sampled; null at temperature 0. */
  readonly sampledAcceptance: number | null
  /** Mean over positions of the target's own samples of sum_v min(p_v, q_v), pooled: the same at every draft length. */
  readonly expectedAcceptance: number | null
  /** tau of the runs below, pooled. */
  readonly blockEfficiency: number
  /** tau / (c gamma + 1). */
  readonly mbsu: number
  /** By wall time; null if it was not asked for, or no text is longer than a block. */
  readonly speedup: number | null
  /** The ids that were generated after each prompt, the end token included where it was reached. */
  readonly outputs: ReadonlyArray<ReadonlyArray<number>>
  /** The figures above as ratios over prompts, with their intervals. */
  readonly overPrompts: {
    readonly greedyAcceptance: OverPrompts | null
    readonly sampledAcceptance: OverPrompts | null
    readonly blockEfficiency: OverPrompts | null
    readonly mbsu: OverPrompts | null
  }
  /** The record of the runs, with acceptance by place in a block. */
  readonly decoded: Acceptance
  /**
   * The acceptance of the runs as the evidence on the target's own texts (greedy, or sampled alike) estimates it; null where
   * only decoding tells.
   */
  readonly estimated: Acceptance | null
  /** Greedy: prompts of which the estimate has exactly the counts of the run. All, but for near ties off the native path. */
  readonly estimateAgrees: number | null
  readonly counts: EvaluatedCounts
  readonly byPrompt: ReadonlyArray<SpeculativeCounts>
  /** Greedy: whether the texts are the target's own. */
  readonly identity: Identity | null
  readonly timing: TimedLength | null
}

/** The texts of the target alone, and the evidence on them; undefined where only decoding tells. */
export interface Grounds {
  readonly greedyTexts: ReadonlyArray<Rollout>
  /** On the target's greedy texts. */
  readonly greedy: Evidence | undefined
  /** On its samples, at the temperature asked for or at 1. */
  readonly sampled: Evidence | undefined
  readonly expectedAcceptance: OverPrompts | null
}

/** The inputs of a run beside models and prompts. */
export interface LengthHooks {
  readonly stop?: Stop
  readonly signal?: AbortSignal
  readonly decoding: (done: number, total: number) => void
  readonly timing: (done: number, total: number) => void
}

const sameCounts = (a: BlockCounts, b: BlockCounts): boolean =>
  a.blocks === b.blocks && a.accepted === b.accepted && a.rejected === b.rejected && a.emitted === b.emitted

const total = (runs: ReadonlyArray<Speculated>): EvaluatedCounts => {
  const sum = sumCounts(runs.map(({ counts }) => counts))
  const of = (value: (counts: SpeculativeCounts) => number) => runs.reduce((s, { counts }) => s + value(counts), 0)
  return {
    ...sum,
    tested: sum.accepted + sum.rejected,
    proposed: of((c) => c.proposed),
    fallbacks: of((c) => c.fallbacks),
  }
}

const testedPairs = (counts: ReadonlyArray<BlockCounts>) =>
  counts.map((c) => [c.accepted, c.accepted + c.rejected] as const)

/** Runs and figures of one draft length. */
export const evaluateLength = async (
  target: Decoder,
  proposer: Proposer,
  prompts: ReadonlyArray<ArrayLike<number>>,
  draftLength: number,
  settings: EvaluateSettings,
  grounds: Grounds,
  { stop, signal, decoding, timing }: LengthHooks,
): Promise<EvaluatedLength> => {
  const { draftLengths: _, eosIds, dataset, rounds, warmup, timedPrompts, ...sampling } = settings
  const options = { ...sampling, draftLength, ...(eosIds[0] === undefined ? {} : { eosId: eosIds[0] }) }
  const passed = { ...(stop && { stop }), ...(signal && { signal }) }
  const greedy = settings.temperature === 0
  const runs = await speculate(target, proposer, prompts, options, {
    ...passed,
    onProgress: (p) => decoding(p.finished, p.prompts),
  })
  const counts = runs.map((run) => run.counts)
  const onGreedy = grounds.greedy && estimatedCounts(grounds.greedy, draftLength)
  const c = parameterRatio(target, proposer)
  const acceptance = overPrompts(testedPairs(counts), [0, 1])
  const greedyAcceptance = greedy ? acceptance : onGreedy ? overPrompts(testedPairs(onGreedy), [0, 1]) : null
  const tau = overPrompts(
    counts.map((k) => [k.emitted, k.blocks]),
    [1, draftLength + 1],
  )
  const mbsu = scaled(tau, 1 / (c * draftLength + 1))
  const timed =
    rounds === 0
      ? null
      : await timeLength(target, proposer, prompts, runs, options, { rounds, warmup, timedPrompts }, passed, timing)
  const evidence = greedy ? grounds.greedy : grounds.sampled
  return {
    draftLength,
    greedyAcceptance: greedyAcceptance?.pooled ?? null,
    greedyAcceptanceSource: greedy ? "decoded" : "teacher-forced",
    sampledAcceptance: greedy ? null : (acceptanceOf(counts)?.pooled ?? null),
    expectedAcceptance: grounds.expectedAcceptance?.pooled ?? null,
    blockEfficiency: blockEfficiencyOf(counts)!.pooled,
    mbsu: mbsu!.pooled,
    speedup: timed?.speedup ?? null,
    outputs: runs.map(({ rollout }) => [...rollout.tokens]),
    overPrompts: { greedyAcceptance, sampledAcceptance: greedy ? null : acceptance, blockEfficiency: tau, mbsu },
    decoded: acceptanceRecord(counts, { sampling: samplingOf(settings), draftLength, dataset }, "decoded"),
    estimated: evidence ? estimateAcceptance(evidence, draftLength, dataset) : null,
    estimateAgrees: greedy && onGreedy ? counts.filter((k, i) => sameCounts(k, onGreedy[i]!)).length : null,
    counts: total(runs),
    byPrompt: counts,
    identity: greedy ? compareGreedy(grounds.greedyTexts, runs) : null,
    timing: timed,
  }
}
