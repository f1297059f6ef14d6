/**
 * Four faults of public implementations of speculative decoding: negative controls of the lossless suite.
 *
 * Letters: V vocabulary. p_V, q_V are the adjusted distributions of target and draft.
 */
import type { Proposal } from "@winnow/core"
import { type Chance, residual, verify } from "@winnow/decoding"
import type { Rng } from "@winnow/numerics"
import type { Fault } from "./every-outcome.ts"

/** A flaw, for every outcome of chance and for a seeded stream alike. */
export interface Flaw {
  readonly verify?: typeof verify
  /** For a seeded stream; `fault` is its counterpart in `everyOutcome`. */
  readonly chance?: (fresh: Chance, rng: Rng) => Chance
  readonly fault?: Fault
}

/** p_V raised to `exponent` and rescaled: at temperature T, the exponent T gives the distribution at temperature 1. */
const reheated = (p_V: Float64Array, exponent: number): Float64Array => {
  const raised_V = p_V.map((p) => p ** exponent)
  const sum = raised_V.reduce((a, b) => a + b, 0)
  return raised_V.map((p) => p / sum)
}

/** The distribution of each token of a proposal: a certain one has all mass on its token. */
const rowsOf = ({ tokens, q }: Proposal, V: number): ReadonlyArray<Float64Array> =>
  q === "certain" ? tokens.map((token) => Float64Array.from({ length: V }, (_, v) => (v === token ? 1 : 0))) : q

/** `verify` with the two parts that flaws change. */
const verifyBy =
  (
    ratioOf: (p_V: Float64Array, q_V: Float64Array, token: number) => readonly [p: number, q: number],
    correction: (p_V: Float64Array, q_V: Float64Array) => Float64Array,
  ): typeof verify =>
  (proposal, p, chance) => {
    const { tokens } = proposal
    const q = rowsOf(proposal, p.at(0)!.length)
    for (const [i, token] of tokens.entries()) {
      const [p_V, q_V] = [p.at(i)!, q[i]!]
      if (!chance.accept(...ratioOf(p_V, q_V, token)))
        return { path: [...tokens.keys()].slice(0, i), own: chance.draw(correction(p_V, q_V)), fallback: false }
    }
    return { path: [...tokens.keys()], own: chance.draw(p.at(tokens.length)!), fallback: false }
  }

const ratio = (p_V: Float64Array, q_V: Float64Array, token: number) => [p_V[token]!, q_V[token]!] as const
const rest = (p_V: Float64Array, q_V: Float64Array) => residual(p_V, q_V) ?? p_V

/**
 * `verify` composed of the parts above: it shows that a flawed version fails because of its flaw, not because of the
 * composition.
 */
export const noFlaw: Flaw = { verify: verifyBy(ratio, rest) }

/** The temperature at which the flaws below are sampled. */
export const FLAW_TEMPERATURE = 1.5

/** The four, by name. The second does not apply to a proposer whose proposals are certain. */
export const flaws: Readonly<Record<string, Flaw>> = {
  "the residual replaced by p": { verify: verifyBy(ratio, (p_V) => p_V) },
  "the draft sampled at another temperature than it is scored at": {
    verify: ({ tokens, q }, p, chance) =>
      verify({ tokens, q: q === "certain" ? q : q.map((q_V) => reheated(q_V, 2)) }, p, chance),
  },
  "one random number for every decision of a text": {
    chance: ({ draw }, rng) => {
      const r = rng.uniform()
      return { draw, accept: (p, q) => r * q < p }
    },
    fault: { reuseUniform: true },
  },
  "a ratio of the target's unadjusted probability": {
    verify: verifyBy((p_V, q_V, token) => [reheated(p_V, FLAW_TEMPERATURE)[token]!, q_V[token]!], rest),
  },
}
