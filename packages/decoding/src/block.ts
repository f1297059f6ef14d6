/**
 * One block of speculative decoding, as plain functions on distributions and chance.
 *
 * Letters: g proposed tokens of the block, V vocabulary. p_V, q_V are the adjusted distributions of target and proposer.
 */
import type { Proposal } from "@winnow/core"
import { draw, type Rows } from "@winnow/generation"
import type { Rng } from "@winnow/numerics"

/** The two random decisions of a block. A test replaces them by an enumeration of all outcomes. */
export interface Chance {
  /** An id drawn from p_V. */
  readonly draw: (p_V: Float64Array) => number
  /** True with chance min(1, p / q), for q above 0. */
  readonly accept: (p: number, q: number) => boolean
}

/** Chance from a seeded stream: a fresh uniform for each draw and each decision. */
export const chanceOf = (rng: Rng): Chance => ({
  draw: (p_V) => draw(p_V, rng.uniform()),
  // The form r q < p avoids a quotient that overflows where q underflows. With r in [0, 1) it never accepts p = 0.
  accept: (p, q) => rng.uniform() * q < p,
})

/** The target's verdict on a block. */
export interface Verdict {
  /** Proposed tokens accepted, 0 to g. */
  readonly accepted: number
  /** The target's own token: the correction after a rejection, else the bonus. */
  readonly own: number
  /** True if the residual was zero everywhere, so that the correction was drawn from p. */
  readonly fallback: boolean
}

/**
 * norm(max(0, p - q)): the distribution of the correction after a rejection.
 *
 * @returns null if it is zero everywhere, which only rounding can cause: exact arithmetic never rejects p = q
 */
export const residual = (p_V: Float64Array, q_V: Float64Array): Float64Array | null => {
  const out_V = new Float64Array(p_V.length)
  let sum = 0
  for (let v = 0; v < p_V.length; v++) sum += out_V[v] = Math.max(0, p_V[v]! - q_V[v]!)
  if (sum === 0) return null
  for (let v = 0; v < p_V.length; v++) out_V[v] = out_V[v]! / sum
  return out_V
}

/** The residual where q has all its mass on one token: p without that token, rescaled. */
export const without = (p_V: Float64Array, token: number): Float64Array | null => {
  const out_V = Float64Array.from(p_V)
  out_V[token] = 0
  let sum = 0
  for (let v = 0; v < out_V.length; v++) sum += out_V[v]!
  if (sum === 0) return null
  for (let v = 0; v < out_V.length; v++) out_V[v] = out_V[v]! / sum
  return out_V
}

/**
 * Judges proposed tokens so that the emitted text has the target's distribution.
 *
 * @param proposal g tokens; tokens[i] was drawn from the array `q[i]` itself, or is certain
 * @param p the target's distribution at the same places and one after, g + 1 rows; read up to the first rejection
 * @source Leviathan et al. 2211.17192, algorithm 1
 */
export const verify = ({ tokens, q }: Proposal, p: Rows, chance: Chance): Verdict => {
  for (const [i, token] of tokens.entries()) {
    const p_V = p.at(i)!
    if (chance.accept(p_V[token]!, q === "certain" ? 1 : q[i]![token]!)) continue
    const rest_V = q === "certain" ? without(p_V, token) : residual(p_V, q[i]!)
    return { accepted: i, own: chance.draw(rest_V ?? p_V), fallback: rest_V === null }
  }
  return { accepted: tokens.length, own: chance.draw(p.at(tokens.length)!), fallback: false }
}

/**
 * The parts of sampled judging. Tests replace them: by an enumeration of chance, or by a fault that must be noticed.
 */
export interface Judging {
  readonly chance?: Chance
  readonly verify?: typeof verify
}

/** Judges at temperature 0: accepts a proposed token if it is the target's argmax. */
export const verifyGreedy = ({ tokens }: Proposal, argmax: ArrayLike<number>): Verdict => {
  let accepted = 0
  while (accepted < tokens.length && tokens[accepted] === argmax[accepted]) accepted++
  return { accepted, own: argmax[accepted]!, fallback: false }
}
