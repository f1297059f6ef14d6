/**
 * Divergences between two categorical distributions, in double precision: plain references, one row at a time.
 *
 * Letters: V vocabulary, p the target, q the draft. Rows are LOG-probabilities (`logSoftmax`), nats. A zero
 * probability is -Infinity, or a number whose exponential underflows; everywhere 0 log 0 = 0.
 */
import type { Row } from "./log-softmax.ts"

const sum = (V: number, term: (v: number) => number): number => {
  let total = 0
  for (let v = 0; v < V; v++) total += term(v)
  return total
}

/** a (log a - log b) with 0 log 0 = 0; Infinity where a > 0 and b = 0. */
const relative = (logA: number, logB: number): number => {
  const a = Math.exp(logA)
  return a === 0 ? 0 : a * (logA - logB)
}

/** Entropy -sum p log p, 0 to log V. */
export const entropy = (logP_V: Row): number => -sum(logP_V.length, (v) => relative(logP_V[v]!, 0))

/** Cross-entropy -sum p log q. */
export const crossEntropy = (logP_V: Row, logQ_V: Row): number =>
  -sum(logP_V.length, (v) => (Math.exp(logP_V[v]!) === 0 ? 0 : Math.exp(logP_V[v]!) * logQ_V[v]!))

/** Forward KL(p || q) = sum p (log p - log q), 0 or more; Infinity where p has mass and q has none. */
export const klDivergence = (logP_V: Row, logQ_V: Row): number =>
  sum(logP_V.length, (v) => relative(logP_V[v]!, logQ_V[v]!))

/** Reverse KL(q || p): the arguments stay in the order target, draft. */
export const reverseKlDivergence = (logP_V: Row, logQ_V: Row): number => klDivergence(logQ_V, logP_V)

/**
 * Generalised Jensen-Shannon divergence: beta KL(p || m) + (1 - beta) KL(q || m), m = beta p + (1 - beta) q.
 *
 * Symmetric and at most log 2 at beta = 0.5; 0 for every pair at beta = 0 and 1.
 * @source Agarwal et al. 2024, arXiv 2306.13649, Eq. 1
 */
export const jsDivergence = (logP_V: Row, logQ_V: Row, beta = 0.5): number =>
  sum(logP_V.length, (v) => {
    const logM = Math.log(beta * Math.exp(logP_V[v]!) + (1 - beta) * Math.exp(logQ_V[v]!))
    return beta * relative(logP_V[v]!, logM) + (1 - beta) * relative(logQ_V[v]!, logM)
  })

/** Total variation 1/2 sum |p - q|, 0 to 1. */
export const totalVariation = (logP_V: Row, logQ_V: Row): number =>
  sum(logP_V.length, (v) => Math.abs(Math.exp(logP_V[v]!) - Math.exp(logQ_V[v]!))) / 2

/**
 * sum_v min(p, q) = 1 - total variation: the chance that the target accepts a token sampled from the draft.
 *
 * @source Leviathan et al. 2023, arXiv 2211.17192, theorem 3.5
 */
export const overlap = (logP_V: Row, logQ_V: Row): number =>
  sum(logP_V.length, (v) => Math.min(Math.exp(logP_V[v]!), Math.exp(logQ_V[v]!)))
