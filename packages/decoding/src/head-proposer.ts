/** A trained head as a proposer of its target. */
import { checkedProposer, type DraftHead, InvalidInput, type Proposer } from "@winnow/core"

/**
 * Proposes by a head with its present weights.
 *
 * @error InvalidInput (thrown) for a head that proposes nothing, and for a target that does not decode; PluginFault for
 * parts of another shape
 */
export const headProposer = (head: DraftHead): Proposer => {
  if (head.proposing === undefined)
    throw new InvalidInput({
      what: `head ${head.name}`,
      problems: ["proposes no tokens, as it predicts something else; take a head with `proposing`, such as medusa"],
    })
  return checkedProposer(`head ${head.name}`, head.name, head.proposing())
}
