/** Counts a peer's blocks by our rules (docs/metrics.md), from its tokens and proposals alone. */

/** One call of the peer's target. */
export interface PeerBlock {
  /** Tokens of the text before the call, prompt included. */
  readonly length: number
  readonly drafted: ReadonlyArray<number>
}

export interface Counts {
  readonly blocks: number
  readonly accepted: number
  readonly rejected: number
  readonly emitted: number
}

/**
 * Counts of one text. In each block, a drafted token that is in the text at its place is accepted; the first that is
 * not is rejected, if the text reaches its place.
 *
 * @param tokens the text after the prompt
 */
export const countBlocks = (
  promptLength: number,
  tokens: ReadonlyArray<number>,
  blocks: ReadonlyArray<PeerBlock>,
): Counts => {
  let [accepted, rejected] = [0, 0]
  for (const { length, drafted } of blocks) {
    const at = length - promptLength
    let same = 0
    while (same < drafted.length && at + same < tokens.length && drafted[same] === tokens[at + same]) same++
    accepted += same
    if (same < drafted.length && at + same < tokens.length) rejected++
  }
  return { blocks: blocks.length, accepted, rejected, emitted: tokens.length }
}

/** Sums the counts of several texts. */
export const sumOf = (counts: ReadonlyArray<Counts>): Counts => {
  const sum = (of: (c: Counts) => number) => counts.reduce((total, c) => total + of(c), 0)
  return {
    blocks: sum((c) => c.blocks),
    accepted: sum((c) => c.accepted),
    rejected: sum((c) => c.rejected),
    emitted: sum((c) => c.emitted),
  }
}
