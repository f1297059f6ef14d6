/**
 * Statistics of a token that a filter can read before it decides: one number a valid token.
 *
 * Letters: N valid tokens of a micro-batch (no prompt, no padding), p target, q draft, r reference.
 */
export interface Statistics {
  /** The active loss of the draft, nats for the KL family. Needs the target if the loss does. */
  readonly draftLoss_N: Float32Array
  /** The active loss, of the reference in the draft's place. */
  readonly referenceLoss_N: Float32Array
  /** -log q(gold), nats. */
  readonly draftNll_N: Float32Array
  /** -log r(gold), nats. */
  readonly referenceNll_N: Float32Array
  /** -log p(gold), nats. */
  readonly targetNll_N: Float32Array
  /** Entropy of q, nats, 0 to log V. */
  readonly draftEntropy_N: Float32Array
  /** Entropy of p, nats, 0 to log V. */
  readonly targetEntropy_N: Float32Array
  /** sum_v min(p_v, q_v), 0 to 1: the chance that the target accepts a token sampled from the draft. */
  readonly acceptance_N: Float32Array
  /** 1 where the draft's and the target's most probable tokens are the same, else 0. */
  readonly agreement_N: Float32Array
  /** Hellinger distance of p and q, sqrt(1 - sum_v sqrt(p_v q_v)), 0 to 1. */
  readonly hellinger_N: Float32Array
  /** The draft's largest probability, 1 / V to 1. */
  readonly draftTop_N: Float32Array
  /** The target's largest probability, 1 / V to 1. */
  readonly targetTop_N: Float32Array
}

export type Statistic = keyof Statistics

/** Their names. */
export const statisticNames = Object.keys({
  draftLoss_N: 0,
  referenceLoss_N: 0,
  draftNll_N: 0,
  referenceNll_N: 0,
  targetNll_N: 0,
  draftEntropy_N: 0,
  targetEntropy_N: 0,
  acceptance_N: 0,
  agreement_N: 0,
  hellinger_N: 0,
  draftTop_N: 0,
  targetTop_N: 0,
} satisfies Record<Statistic, 0>) as ReadonlyArray<Statistic>

export type ReferenceStatistic = "referenceLoss_N" | "referenceNll_N"
export type TargetStatistic =
  | "targetNll_N"
  | "targetEntropy_N"
  | "acceptance_N"
  | "agreement_N"
  | "hellinger_N"
  | "targetTop_N"

/** Statistics that a reference must be there for. */
export const referenceStatistics: ReadonlySet<Statistic> = new Set<ReferenceStatistic>([
  "referenceLoss_N",
  "referenceNll_N",
])
/** Statistics that a target must be there for, whatever the loss. */
export const targetStatistics: ReadonlySet<Statistic> = new Set<TargetStatistic>([
  "targetNll_N",
  "targetEntropy_N",
  "acceptance_N",
  "agreement_N",
  "hellinger_N",
  "targetTop_N",
])
