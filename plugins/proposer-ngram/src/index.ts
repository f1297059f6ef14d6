/**
 * Prompt look-up: finds the last tokens of the text earlier in prompt and text, and proposes the tokens that followed
 * there.
 *
 * @source Saxena, "Prompt Lookup Decoding", github.com/apoorvumang/prompt-lookup-decoding (2023); order of the search
 * own
 */
import { defineProposer, type Proposal } from "@winnow/core"
import { type } from "arktype"
import { placeAfterMatch } from "./lookup.ts"

/** The proposer; it has no parameters, and its proposals are certain. */
export const ngram = defineProposer({
  name: "ngram",
  options: type({
    "+": "reject",
    // Number of last tokens in the first search. 3: near the defaults of transformers and vLLM.
    longest: "1 <= number.integer <= 64 = 3",
    // Number of last tokens in the last search. 1: a wrong guess costs only the rows that verify it.
    shortest: "1 <= number.integer <= 64 = 1",
  }).narrow(
    ({ longest, shortest }, ctx) =>
      shortest <= longest || ctx.reject({ expected: `shortest at most longest (${longest})`, actual: `${shortest}` }),
  ),
  make: ({ longest, shortest }) => ({
    deterministic: true,
    begin: ({ eosId }) => ({
      propose: ({ text, room }): Proposal => {
        const from = placeAfterMatch(text, longest, shortest)
        const tokens: Array<number> = []
        if (from === undefined) return { tokens, q: "certain" }
        const L = text.length
        // A copy that reaches the end of the text continues with its own tokens, like a repeating text.
        while (tokens.length < room && (tokens.length === 0 || tokens.at(-1) !== eosId)) {
          const at = from + tokens.length
          tokens.push(at < L ? text[at]! : tokens[at - L]!)
        }
        return { tokens, q: "certain" }
      },
    }),
  }),
})
