/**
 * One block of speculative decoding, as plain functions on distributions and chance.
 *
 * Letters: g proposed tokens of the block, V vocabulary. p_V, q_V are the adjusted distributions of target and proposer.
 */
import type { DistributionRows, Proposal } from "@winnow/core"
import { draw } from "@winnow/generation"
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
  /** Places of the accepted tokens in the proposal, each follows the one before; of a chain 0, 1 and so on. */
  readonly path: ReadonlyArray<number>
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

/** Places of the tokens that follow the one at `place`, or the text for -1, in their order. */
export const childrenOf = ({ tokens, parents }: Proposal, place: number): ReadonlyArray<number> => {
  if (parents === undefined) return place + 1 < tokens.length ? [place + 1] : []
  const children: Array<number> = []
  for (let i = place + 1; i < parents.length; i++) if (parents[i] === place) children.push(i)
  return children
}

/** Tokens of the longest path. */
export const depthOf = ({ tokens, parents }: Proposal): number => {
  if (parents === undefined) return tokens.length
  const depths: Array<number> = []
  for (const parent of parents) depths.push(parent < 0 ? 1 : depths[parent]! + 1)
  return Math.max(0, ...depths)
}

/**
 * Judges proposed tokens so that the emitted text has the target's distribution.
 *
 * Siblings are judged in their order. p is the target's distribution at their place, and after each rejection the residual
 * of p and that sibling's q: the distribution of the token there, given that the sibling was rejected. The next sibling was
 * drawn from its q whatever the verdicts before, so the rule for one token holds for it with the residual in the place of
 * p. The token drawn from the last residual completes p.
 *
 * @param proposal g tokens; tokens[i] was drawn from the array `q[i]` itself, or is certain
 * @param p the target's distribution after the text and after each token, g + 1 rows; read along the path alone
 * @source Leviathan et al. 2211.17192, algorithm 1; siblings: Miao et al. 2305.09781, algorithm 2, for any q of each sibling
 */
export const verify = (proposal: Proposal, p: DistributionRows, chance: Chance): Verdict => {
  const { tokens, q } = proposal
  const path: Array<number> = []
  for (let place = -1; ; place = path.at(-1)!) {
    let rest_V = p.at(place + 1)!
    let next: number | undefined
    for (const child of childrenOf(proposal, place)) {
      const token = tokens[child]!
      if (chance.accept(rest_V[token]!, q === "certain" ? 1 : q[child]![token]!)) {
        next = child
        break
      }
      const left_V = q === "certain" ? without(rest_V, token) : residual(rest_V, q[child]!)
      if (left_V === null) return { path, own: chance.draw(rest_V), fallback: true }
      rest_V = left_V
    }
    if (next === undefined) return { path, own: chance.draw(rest_V), fallback: false }
    path.push(next)
  }
}

/**
 * The parts of sampled judging. Tests replace them: by an enumeration of chance, or by a fault that must be noticed.
 */
export interface Judging {
  readonly chance?: Chance
  readonly verify?: typeof verify
}

/**
 * Judges at temperature 0: accepts the longest path whose tokens are the target's choices, the first of several.
 *
 * @param argmax the target's choice after the text and after each token, g + 1 of them
 */
export const verifyGreedy = ({ tokens, parents }: Proposal, argmax: ArrayLike<number>): Verdict => {
  let path: ReadonlyArray<number> = []
  if (parents === undefined) {
    let accepted = 0
    while (accepted < tokens.length && tokens[accepted] === argmax[accepted]) accepted++
    path = Array.from({ length: accepted }, (_, i) => i)
  } else {
    const chosen: Array<ReadonlyArray<number> | undefined> = []
    for (const [i, parent] of parents.entries()) {
      const before = parent < 0 ? [] : chosen[parent]
      chosen.push(before && tokens[i] === argmax[parent + 1] ? [...before, i] : undefined)
      if ((chosen[i]?.length ?? 0) > path.length) path = chosen[i]!
    }
  }
  return { path, own: argmax[(path.at(-1) ?? -1) + 1]!, fallback: false }
}
