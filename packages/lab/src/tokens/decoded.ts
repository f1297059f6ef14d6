/**
 * Greedy speculative decoding of prompts whose texts are known: the verdict on each token, and each block's proposal.
 *
 * Letters: N tokens of all texts.
 */
import type { Decoder, Proposal, Proposer } from "@winnow/core"
import { type SpeculativeOptions, SpeculativeSession } from "@winnow/decoding"
import type { Pieces } from "@winnow/generation"
import { noRole, noToken, type Role, roles } from "./constants.ts"
import { type Decoding, packed } from "./document.ts"
import type { Texts } from "./texts.ts"

/** The proposer, which tells each proposal. */
const telling = (proposer: Proposer, tell: (proposal: Proposal) => void): Proposer => ({
  ...proposer,
  begin: (start) => {
    const sequence = proposer.begin(start)
    return {
      propose: (context) => {
        const proposal = sequence.propose(context)
        tell(proposal)
        return proposal
      },
      accept: (accepted, path) => sequence.accept?.(accepted, path),
      dispose: () => sequence.dispose?.(),
    }
  },
})

/** The verdict on the target's own token of a block. */
const ownRole = (rejected: boolean, proposed: number): Role => {
  if (rejected) return "corrected"
  return proposed > 0 ? "bonus" : "alone"
}

/**
 * Decodes each prompt, and compares with the known text. From the first other token on a text has no verdicts: products of
 * another shape may have rounded a tie of the target's to the other side.
 *
 * @param options of greedy decoding with a fixed draft length
 */
export function* decodingOf(
  target: Decoder,
  proposer: Proposer,
  { texts, from, N }: Texts,
  options: Omit<SpeculativeOptions, "draftLength"> & { readonly draftLength: number },
): Pieces<Decoding> {
  const role_N = new Uint8Array(N).fill(noRole)
  const rejected_N = new Uint32Array(N).fill(noToken)
  const blocks: Array<number> = []
  for (const [i, { prompt, tokens }] of texts.entries()) {
    let proposed: ReadonlyArray<number> = []
    const teller = telling(proposer, (proposal) => {
      proposed = Array.from(proposal.tokens)
    })
    const session = new SpeculativeSession(target, teller, prompt, { ...options, index: i })
    try {
      let [begin, before] = [0, session.counts]
      for (let more = true; more; ) {
        proposed = []
        more = session.step()
        const { emitted, counts } = session
        const [accepted, rejected] = [counts.accepted - before.accepted, counts.rejected > before.rejected]
        const fits = emitted.slice(begin).every((token, t) => begin + t >= tokens.length || token === tokens[begin + t])
        if (!fits || begin >= tokens.length) break
        blocks.push(from[i]! + begin, proposed.length, ...proposed)
        for (let t = begin; t < Math.min(emitted.length, tokens.length); t++) {
          const isOwn = t - begin >= accepted
          role_N[from[i]! + t] = roles.indexOf(isOwn ? ownRole(rejected, proposed.length) : "accepted")
          if (isOwn && rejected) rejected_N[from[i]! + t] = proposed[accepted]!
        }
        ;[begin, before] = [emitted.length, counts]
        yield
      }
    } finally {
      session.dispose()
    }
  }
  const { draftLength: gamma } = options
  return { gamma, role: packed(role_N), rejected: packed(rejected_N), blocks: packed(Uint32Array.from(blocks)) }
}
