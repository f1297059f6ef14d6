/**
 * A replay of a deterministic proposer on finished texts: its proposal at every position, and how many of its tokens
 * match the text. Nothing is decoded, and no model runs.
 *
 * Let the text be x and the proposal at x_t certain. When sampling, x_t is accepted, given that the text there is x_t,
 * with chance min(p, q)(x_t) / p(x_t): 1 if it was proposed and 0 if not. So the blocks along a finished text are
 * known, greedy and sampled alike. Their counts equal those of decoding (greedy) or estimate them without bias (samples
 * of the target).
 *
 * @source own; block-structure.ts has the chain along a text
 */
import type { Proposer, Sampling } from "@winnow/core"
import type { Pieces, Rollout } from "@winnow/generation"
import { readableLength } from "./block-structure.ts"
import type { ReplayEvidence } from "./evidence.ts"

/** Refuses a draw: a proposer that draws is not deterministic. */
const noDraw = (): number => {
  throw new Error("a deterministic proposer drew a token: replay needs proposals that depend on the text alone")
}

/** Numbers of proposed and matching tokens at each position of one text. */
const replayOne = (
  proposer: Proposer,
  { prompt, tokens }: Rollout,
  { sampling, vocabularySize, eosId, longest }: ReplayOptions,
): readonly [proposed_T: Int32Array, agreed_T: Int32Array] => {
  const T = tokens.length
  const [proposed_T, agreed_T] = [new Int32Array(T), new Int32Array(T)]
  const readable = readableLength(prompt.length, proposer.maxLength)
  const text = Array.from(prompt)
  const sequence = proposer.begin({ sampling, vocabularySize, eosId })
  for (let t = 0; t < T; t++) {
    const room = Math.min(longest, readable - t)
    if (room > 0) {
      const { tokens: guess } = sequence.propose({ text, room, draw: noDraw })
      let agreed = 0
      while (agreed < guess.length && t + agreed < T && guess[agreed] === tokens[t + agreed]) agreed++
      proposed_T[t] = guess.length
      agreed_T[t] = agreed
      if (guess.length > 0) sequence.accept?.(0, [])
    }
    text.push(tokens[t]!)
  }
  sequence.dispose?.()
  return [proposed_T, agreed_T]
}

/** The conditions of a replay. */
export interface ReplayOptions {
  /** Sampling options of the texts. */
  readonly sampling: Sampling
  readonly vocabularySize: number
  readonly eosId: number | undefined
  /** Room of a proposal: the longest block that can be counted. */
  readonly longest: number
}

/**
 * Evidence of a deterministic proposer on texts of the target. A generator for `driven`, one text a piece.
 *
 * @error Error if the proposer draws
 */
export function* replayPass(
  proposer: Proposer,
  rollouts: ReadonlyArray<Rollout>,
  options: ReplayOptions,
): Pieces<ReplayEvidence> {
  const [proposed, agreed]: [Array<Int32Array>, Array<Int32Array>] = [[], []]
  for (const rollout of rollouts) {
    const [proposed_T, agreed_T] = replayOne(proposer, rollout, options)
    proposed.push(proposed_T)
    agreed.push(agreed_T)
    yield
  }
  const { sampling, longest } = options
  const overlap =
    sampling.temperature === 0 ? null : agreed.map((agreed_T) => Float64Array.from(agreed_T, (n) => Math.min(1, n)))
  return { kind: "replay", sampling, rollouts, proposed, agreed, longest, overlap, kl: null }
}
