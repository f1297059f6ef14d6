/**
 * Closed formulas of speculative decoding, whose predictions can be compared with measurements.
 *
 * alpha: chance that a drafted token is accepted, assumed independent of all else; gamma: draft length; c: cost of one
 * draft call over one target call.
 *
 * @source Leviathan et al. 2211.17192, with their theorem and equation numbers
 */

/** 1 + alpha + ... + alpha^gamma: expected tokens a target call, 1 to gamma + 1 (equation 1). */
export const expectedBlockEfficiency = (alpha: number, gamma: number): number => {
  let sum = 0
  for (let i = 0, power = 1; i <= gamma; i++, power *= alpha) sum += power
  return sum
}

/** Expected speed-up in wall time, if verifying gamma + 1 tokens takes as long as one target call (theorem 3.8). */
export const expectedSpeedup = (alpha: number, gamma: number, c: number): number =>
  expectedBlockEfficiency(alpha, gamma) / (gamma * c + 1)

/** Expected arithmetic over that of the target alone; here c is the ratio of operations a token (theorem 3.11). */
export const expectedOperations = (alpha: number, gamma: number, c: number): number =>
  (gamma * c + gamma + 1) / expectedBlockEfficiency(alpha, gamma)

/** Memory-bound speed-up tau / (c gamma + 1), with c = draft parameters / target parameters. */
export const mbsu = (tau: number, gamma: number, c: number): number => tau / (c * gamma + 1)

/**
 * Time of a token when the target is called with a draft: T = (gamma T_draft + T_target) / tau.
 *
 * @param targetSeconds seconds of the verifying call
 * @param draftSeconds seconds of one draft call
 */
export const secondsPerToken = (tau: number, gamma: number, targetSeconds: number, draftSeconds: number): number =>
  (gamma * draftSeconds + targetSeconds) / tau
