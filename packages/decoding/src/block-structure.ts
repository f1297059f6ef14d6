/**
 * Cuts a finished text into the blocks of speculative decoding, without running it.
 *
 * Let a_t be the chance that the drafted token at position t is accepted, given that the text there is x_t:
 * min(1, q(x_t) / p(x_t)) when sampling, 1 or 0 (the draft's argmax is x_t or not) when greedy. The chance that a block
 * accepts x_1..x_i, then rejects and emits x_{i+1}, is prod_{j<=i} min(p, q)(x_j) (p - min(p, q))(x_{i+1}) =
 * p(x_1..x_{i+1}) a_1 .. a_i (1 - a_{i+1}): the text has the target's distribution, and given the text every tested
 * position is an independent coin with chance a_t. So the block structure is a Markov chain along the text, and its
 * expected counts follow exactly by walking along it once.
 *
 * @source own; the greedy case is the deterministic chain, the first block that of Leviathan et al. 2211.17192
 */
import type { BlockCounts } from "./counts.ts"

/** Limits of blocks and of the text. */
export interface BlockRules {
  /** gamma: most tokens that a block proposes, 0 or more. */
  readonly draftLength: number
  /** Most tokens of the text. A block never proposes so many tokens that the target's own token would exceed it. */
  readonly limit: number
  /** Tokens from the start of the text that the proposer's context covers: see `readableLength`. Left out: all. */
  readonly readable?: number
  /** Tokens that are emitted before the first proposal: 1 where the proposer reads the target's states. Left out: 0. */
  readonly blind?: number
}

/**
 * Tokens from the start of the continuation that a proposer of this context can propose. It never reads the last token
 * of a block, so it may propose one token beyond its context. 0 for a prompt that exceeds its context.
 *
 * @param context most tokens that the proposer reads; undefined: no limit, and the length is infinite
 */
export const readableLength = (promptLength: number, context: number | undefined): number =>
  context === undefined ? Number.POSITIVE_INFINITY : Math.max(0, context + 1 - promptLength)

/**
 * Most tokens that a block proposes after `emitted` tokens: gamma, and fewer near two limits. Near the length limit the
 * proposals and the target's own token must fit (the rule of transformers' assisted generation). Near the end of the
 * draft's context the draft cannot read further.
 */
export const proposalRoom = (
  emitted: number,
  { draftLength, limit, readable = limit, blind = 0 }: BlockRules,
): number => (emitted < blind ? 0 : Math.max(0, Math.min(draftLength, limit - emitted - 1, readable - emitted)))

/**
 * Expected counts over the coins of one text; exact whole numbers if every chance is 0 or 1.
 *
 * The last token ends the text. If it is an accepted draft token, its block has no token of the target's own.
 *
 * @param chance_T chance of acceptance at each position of the text, in [0, 1]
 * @param tested_T if given, the chance that each position is tested is added to it
 */
export const expectedCounts = (chance_T: ArrayLike<number>, rules: BlockRules, tested_T?: Float64Array): BlockCounts =>
  walkedCounts(chance_T.length, (_, at) => chance_T[at]!, rules, tested_T)

/**
 * The same where the chance depends on the place in the block.
 *
 * @param chance_Tg [T, g]: of token t + i of a block that begins at t, at t g + i; NaN where no token is proposed
 */
export const expectedCountsByPlace = (chance_Tg: ArrayLike<number>, g: number, rules: BlockRules): BlockCounts =>
  walkedCounts(chance_Tg.length / g, (t, at) => chance_Tg[t * g + at - t]!, rules)

const walkedCounts = (
  T: number,
  chanceOf: (start: number, at: number) => number,
  rules: BlockRules,
  tested_T?: Float64Array,
): BlockCounts => {
  const starts_T = new Float64Array(T + 1)
  starts_T[0] = 1
  const testedAt = new Array<number>(rules.draftLength).fill(0)
  const acceptedAt = new Array<number>(rules.draftLength).fill(0)
  let [blocks, accepted, rejected] = [0, 0, 0]
  for (let t = 0; t < T; t++) {
    let reach = starts_T[t]!
    if (reach === 0) continue
    blocks += reach
    const end = Math.min(T, t + proposalRoom(t, rules))
    let i = t
    for (; i < end && reach > 0; i++) {
      const chance = chanceOf(t, i)
      if (Number.isNaN(chance)) break
      if (tested_T !== undefined) tested_T[i]! += reach
      testedAt[i - t]! += reach
      acceptedAt[i - t]! += reach * chance
      accepted += reach * chance
      rejected += reach * (1 - chance)
      starts_T[i + 1]! += reach * (1 - chance)
      reach *= chance
    }
    // All proposals accepted: the target's own token is at i, unless the text has ended.
    if (i < T) starts_T[i + 1]! += reach
  }
  return { blocks, accepted, rejected, emitted: T, testedAt, acceptedAt }
}

/**
 * Counts of a text whose proposals are known, as for a deterministic proposer: the walk involves no chance.
 *
 * @param proposed_T tokens proposed at each position where a block may begin, with the most room
 * @param agreed_T of these, the leading tokens that match the text
 */
export const replayedCounts = (
  proposed_T: ArrayLike<number>,
  agreed_T: ArrayLike<number>,
  rules: BlockRules,
): BlockCounts => {
  const T = proposed_T.length
  const testedAt = new Array<number>(rules.draftLength).fill(0)
  const acceptedAt = new Array<number>(rules.draftLength).fill(0)
  let [blocks, accepted, rejected] = [0, 0, 0]
  for (let t = 0; t < T; ) {
    const room = Math.min(proposed_T[t]!, proposalRoom(t, rules))
    const agreed = Math.min(agreed_T[t]!, room)
    // The token after the last accepted one was tested, unless all were accepted or the text has ended.
    const tested = Math.min(room, agreed + 1, T - t)
    for (let i = 0; i < tested; i++) testedAt[i]!++
    for (let i = 0; i < agreed; i++) acceptedAt[i]!++
    blocks++
    accepted += agreed
    rejected += tested - agreed
    t += agreed + 1
  }
  return { blocks, accepted, rejected, emitted: T, testedAt, acceptedAt }
}
