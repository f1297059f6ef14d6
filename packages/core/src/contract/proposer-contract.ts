/** The contract of proposers: the results of `make` and `propose`. Letters: V vocabulary. */
import type { Proposal, ProposerParts, ProposerReads } from "../proposal.ts"
import { brief, kindOf } from "./brief.ts"
import { PluginFault } from "./fault.ts"
import { didYouMean } from "./nearest.ts"

const fields = ["begin", "parameters", "reads", "vocabularySize", "maxLength", "model", "deterministic"]

/** Checks the parts that `make` returned. @error PluginFault (thrown) for another shape */
export const checkedParts = (plugin: string, place: string | undefined, answer: unknown): ProposerParts => {
  const refuse = (detail: string) => new PluginFault(plugin, "definition", detail, place)
  const parts = typeof answer === "object" && answer !== null ? (answer as Record<string, unknown>) : {}
  if (typeof parts["begin"] !== "function")
    throw refuse(`make returned ${kindOf(answer)}; expected { begin: (start) => ({ propose }) }`)
  const odd = Object.keys(parts).find((key) => !fields.includes(key))
  if (odd !== undefined)
    throw refuse(`make returned a field ${odd}${didYouMean(odd, fields) || `; there are ${fields.join(", ")}`}`)
  for (const [key, least] of [
    ["parameters", 0],
    ["vocabularySize", 1],
    ["maxLength", 1],
  ] as const) {
    const value = parts[key]
    if (value !== undefined && !(typeof value === "number" && value >= least))
      throw refuse(`its ${key} is ${brief(value, 40)}; expected a number from ${least}`)
  }
  const reads = parts["reads"] as Partial<ProposerReads> | undefined
  if (reads !== undefined && !(Array.isArray(reads.layers) && /^(all|last)$/.test(String(reads.positions))))
    throw refuse(`its reads are ${brief(reads, 80)}; expected { layers: ["last"], positions: "all" or "last" }`)
  return answer as ProposerParts
}

/** Tokens of the longest path. @error PluginFault (thrown) for a token that follows none before it */
const longestPath = (
  refuse: (rule: string, detail: string) => PluginFault,
  { length }: ReadonlyArray<number>,
  parents: ReadonlyArray<number>,
): number => {
  if (!Array.isArray(parents) || parents.length !== length)
    throw refuse("parents", `its parents are ${brief(parents, 40)}; expected a list of ${length}, one a token`)
  const lengths: Array<number> = []
  for (const [i, parent] of parents.entries()) {
    if (!(Number.isInteger(parent) && parent >= -1 && parent < i))
      throw refuse(
        "parents",
        `its token ${i} follows ${brief(parent, 40)}; expected -1 for the text, or the place of an earlier token`,
      )
    lengths.push(parent < 0 ? 1 : lengths[parent]! + 1)
  }
  return Math.max(0, ...lengths)
}

/** Checks a proposal. @error PluginFault (thrown) with the first wrong token or distribution */
export const checkedProposal = (
  plugin: string,
  proposal: Proposal,
  of: { readonly room: number; readonly vocabularySize: number; readonly deterministic: boolean },
): Proposal => {
  const refuse = (rule: string, detail: string) => new PluginFault(plugin, rule, detail)
  const { tokens, q, parents } = (proposal ?? {}) as Partial<Proposal>
  if (!Array.isArray(tokens) || !(q === "certain" || Array.isArray(q)))
    throw refuse("proposal", `propose returned ${kindOf(proposal)}; expected { tokens: [...], q: "certain" or a list }`)
  const longest = parents === undefined ? tokens.length : longestPath(refuse, tokens, parents)
  if (longest > of.room)
    throw refuse("room", `it proposed ${longest} tokens in a row; expected at most ${of.room}, the room of the call`)
  const V = of.vocabularySize
  const odd = tokens.findIndex((id) => !(Number.isInteger(id) && id >= 0 && id < V))
  if (odd >= 0)
    throw refuse(
      "ids",
      `its token ${odd} is ${brief(tokens[odd], 40)}; expected an id of the vocabulary, 0 to ${V - 1}`,
    )
  if (of.deterministic && parents !== undefined)
    throw refuse(
      "deterministic",
      "it declares that it is deterministic and returned a tree; a replay counts chains alone",
    )
  if (q === "certain") return proposal
  if (of.deterministic)
    throw refuse(
      "deterministic",
      'it declares that it is deterministic and returned distributions; expected q: "certain"',
    )
  if (q.length !== tokens.length)
    throw refuse("q", `it gave ${q.length} distributions for ${tokens.length} tokens; expected one a token`)
  for (const [i, q_V] of q.entries()) {
    if (!(q_V instanceof Float64Array) || q_V.length !== V)
      throw refuse("q", `distribution ${i} is ${brief(q_V, 40)}; expected a Float64Array of ${V}`)
    if (!(q_V[tokens[i]!]! > 0))
      throw refuse("q", `its token ${i} has probability ${q_V[tokens[i]!]} in its own distribution; expected above 0`)
  }
  return proposal
}
