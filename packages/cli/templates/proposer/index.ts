/** Proposes the last token again. Replace this by your own idea. */
import { defineProposer } from "@winnow/core"
import { type } from "arktype"

/** The proposer `my-proposer`: the last token once more, as often as there is room. Own idea. */
export const myProposer = defineProposer({
  name: "my-proposer",
  options: type({ "+": "reject" }),
  make: () => ({
    deterministic: true,
    begin: ({ eosId }) => ({
      propose: ({ text, room }) => {
        const last = text.at(-1)
        const count = last === undefined || last === eosId ? 0 : room
        return { tokens: Array.from({ length: count }, () => last!), q: "certain" }
      },
    }),
  }),
})
