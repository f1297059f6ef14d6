/**
 * Evidence of a proposer that reads the target's states, on finished texts of the target: the target runs once over each
 * text, and the proposer proposes at every position from the states before it.
 *
 * Greedy, its proposals give the blocks along the text. On a sampled text each draw of the proposer is answered by the
 * text's own next token: the distributions are then those of a block whose earlier tokens were accepted, and token i of a
 * block that begins at t is accepted, given that the text is there, with chance min(1, q / p).
 *
 * Letters: T generated tokens of a text, g places of a block, V vocabulary. Decoding proposes nothing at t = 0, where the
 * first call reads the prompt; figures by position are of the proposal that the prompt but its last token allows.
 */
import type { Decoder, Proposal, Proposer, ProposerReads, Sampling } from "@winnow/core"
import { choicesAfter, distributionsAfter, type Pieces, type Rollout, restricted } from "@winnow/generation"
import { readableLength } from "./block-structure.ts"
import type { PlacesEvidence, ReplayEvidence } from "./evidence.ts"
import { seenStates } from "./seen-states.ts"

/** A proposer with `reads`. */
export type SeeingProposer = Proposer & { readonly reads: ProposerReads }

/** True of a proposer that reads the target's states. */
export const seesTarget = (proposer: Proposer): proposer is SeeingProposer => proposer.reads !== undefined

/** The conditions of a replay with states. */
interface Along {
  readonly sampling: Sampling
  readonly eosId: number | undefined
  /** The longest block that can be counted. */
  readonly longest: number
}

/** Calls `visit` with the proposal at each t, and the target's distribution of any token of a sampled text. */
const alongText = (
  target: Decoder,
  proposer: SeeingProposer,
  { prompt, tokens }: Rollout,
  { sampling, eosId, longest }: Along,
  visit: (t: number, proposal: Proposal, p: (t: number) => Float64Array) => void,
): void => {
  const [T, P] = [tokens.length, prompt.length]
  if (T === 0) return
  const ids = Int32Array.from([...prompt, ...tokens.subarray(0, T - 1)])
  const { reads } = proposer
  const decoding = target.decoding(undefined, reads.layers)
  const sequence = proposer.begin({ sampling, eosId, vocabularySize: target.architecture.vocabularySize })
  try {
    const isSampled = sampling.temperature > 0
    const rows = isSampled ? distributionsAfter(target, decoding, ids, 1, T, sampling) : undefined
    if (!isSampled) choicesAfter(target, decoding, ids, 1, 1, false)
    const readable = readableLength(P, proposer.maxLength)
    const text = Array.from(prompt)
    let unseen = 0
    for (let t = 0; t < T; t++) {
      // the position before the text's last token: all before it is seen
      const end = P + t - 1
      const room = Math.min(longest, readable - t)
      if (room > 0 && end > 0) {
        const states = Array.from({ length: end - unseen }, (_, i) => unseen + i)
        // one call has read the whole text, so the rows are positions
        const seen = seenStates(decoding, reads, { from: unseen, T: ids.length, rows: states })
        let drawn = 0
        const draw = (q_V: Float64Array) => {
          const token = tokens[t + drawn++]
          // a token that the proposer cannot draw ends what the text tells of the block
          return token !== undefined && q_V[token]! > 0 ? token : q_V.findIndex((q) => q > 0)
        }
        const proposal = sequence.propose({ text, room, draw, seen })
        visit(t, proposal, (at) => rows!.at(at)!)
        if (proposal.tokens.length > 0) sequence.accept?.(0, [])
        unseen = end
      }
      text.push(tokens[t]!)
    }
  } finally {
    sequence.dispose?.()
    decoding.dispose()
  }
}

/** Evidence on greedy texts of the target: proposals at every position. A generator for `driven`, one text a piece. */
export function* seenReplayPass(
  target: Decoder,
  proposer: SeeingProposer,
  rollouts: ReadonlyArray<Rollout>,
  of: Omit<Along, "sampling">,
): Pieces<ReplayEvidence> {
  const [proposed, agreed]: [Array<Int32Array>, Array<Int32Array>] = [[], []]
  const sampling = { temperature: 0 }
  for (const rollout of rollouts) {
    const { tokens } = rollout
    const [proposed_T, agreed_T] = [new Int32Array(tokens.length), new Int32Array(tokens.length)]
    alongText(target, proposer, rollout, { sampling, ...of }, (t, { tokens: guess }) => {
      let n = 0
      while (n < guess.length && t + n < tokens.length && guess[n] === tokens[t + n]) n++
      proposed_T[t] = guess.length
      agreed_T[t] = n
    })
    proposed.push(proposed_T)
    agreed.push(agreed_T)
    yield
  }
  const { longest } = of
  return { kind: "replay", sampling, rollouts, proposed, agreed, longest, blind: 1, overlap: null, kl: null }
}

/** KL(p || q) in nats; a q of 0 counts as the smallest number above 0. */
const divergence = (p_V: Float64Array, q_V: Float64Array): number =>
  p_V.reduce((sum, x, v) => sum + (x > 0 ? x * Math.log(x / Math.max(q_V[v]!, Number.MIN_VALUE)) : 0), 0)

const overlapOf = (p_V: Float64Array, q_V: Float64Array): number =>
  p_V.reduce((sum, x, v) => sum + Math.min(x, q_V[v]!), 0)

/** Evidence on texts that the target sampled with the same options, by place in a block. A generator for `driven`. */
export function* seenPlacesPass(
  target: Decoder,
  proposer: SeeingProposer,
  rollouts: ReadonlyArray<Rollout>,
  sampling: Sampling,
  { eosId, longest }: Omit<Along, "sampling">,
): Pieces<PlacesEvidence> {
  const [chance, overlap, kl]: [Array<Float64Array>, Array<Float64Array>, Array<Float64Array>] = [[], [], []]
  // The proposer draws before top-k and top-p: KL is of the whole distributions, the rest of the cut ones.
  const whole = { temperature: sampling.temperature }
  for (const rollout of rollouts) {
    const { tokens } = rollout
    const T = tokens.length
    const chance_Tg = new Float64Array(T * longest).fill(Number.NaN)
    const [overlap_T, kl_T] = [new Float64Array(T), new Float64Array(T)]
    alongText(target, proposer, rollout, { sampling: whole, eosId, longest }, (t, { tokens: { length }, q }, p) => {
      if (q === "certain") return
      for (let i = 0; i < length && t + i < T; i++) {
        const [p_V, q_V] = [p(t + i), q[i]!]
        const [ofTarget, own] = [restricted(p_V.slice(), sampling), restricted(q_V.slice(), sampling)]
        if (i === 0) {
          kl_T[t] = divergence(p_V, q_V)
          overlap_T[t] = overlapOf(ofTarget, own)
        }
        const token = tokens[t + i]!
        chance_Tg[t * longest + i] = own[token] === 0 ? 0 : Math.min(1, own[token]! / ofTarget[token]!)
        if (q_V[token] === 0) break
      }
    })
    chance.push(chance_Tg)
    overlap.push(overlap_T)
    kl.push(kl_T)
    yield
  }
  return { kind: "places", sampling, rollouts, chance, longest, blind: 1, overlap, kl }
}
