/** The token that a head proposes after a row of a circuit, and its distribution. Letters: V vocabulary. */
import type { ProposalContext, Sampling } from "@winnow/core"
import { adjusted, restricted } from "@winnow/generation"
import type { CircuitDecoding, CircuitLogits } from "@winnow/models"

/** A proposed token; without a distribution it was not drawn. */
export interface ProposedToken {
  readonly id: number
  readonly q_V: Float64Array | undefined
}

/**
 * The token after the last row of a circuit's output: the most probable one at temperature 0, else a draw from the
 * sampling distribution.
 *
 * @param head a parameter [V, c] of the circuit's weights
 */
export const nextAfter = (
  circuit: CircuitDecoding,
  output: string,
  head: string,
  sampling: Sampling,
  draw: ProposalContext["draw"],
): ProposedToken => {
  if (sampling.temperature === 0) return { id: circuit.greedy(output, head, 1)[0]!, q_V: undefined }
  const q_V = distributionAt(circuit.logits(output, head, 1), 0, sampling)
  return { id: draw(q_V), q_V }
}

/** The sampling distribution of a row of logits, at a temperature above 0. */
export const distributionAt = (logits: CircuitLogits, r: number, sampling: Sampling): Float64Array => {
  const p_V = logits.softmax?.(r, sampling.temperature)
  // `adjusted` refuses logits without a distribution and states the reason
  return p_V ? restricted(p_V, sampling) : adjusted(logits.row(r), sampling)
}

/** A proposal of tokens that were chosen one after the other. */
export const proposalOf = (tokens: ReadonlyArray<ProposedToken>) => ({
  tokens: tokens.map(({ id }) => id),
  q: tokens.some(({ q_V }) => q_V === undefined) ? ("certain" as const) : tokens.map(({ q_V }) => q_V!),
})
