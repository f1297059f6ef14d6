/** The tokens of two vocabularies, id by id. */
import { type } from "arktype"

/** BPE and WordPiece map tokens to ids; Unigram lists tokens with their scores in the order of ids. */
const Words = type({
  model: { vocab: type("Record<string, number>").or(type(["string", "number"]).array()) },
  "added_tokens?": type({ id: "number", content: "string" }).array(),
})

/** The token of each id that a `tokenizer.json` names; empty if it is of another form. */
export const tokensById = (json: unknown): ReadonlyMap<number, string> => {
  const words = Words(json)
  if (words instanceof type.errors) return new Map()
  const { vocab } = words.model
  const named = Array.isArray(vocab)
    ? vocab.map(([token], id) => [id, token] as const)
    : Object.entries(vocab).map(([token, id]) => [id, token] as const)
  return new Map([...named, ...(words.added_tokens ?? []).map(({ id, content }) => [id, content] as const)])
}

/** The agreement of two vocabularies a and b. */
export interface TokenAgreement {
  /** The lowest id that both name with another token each; undefined if there is none. */
  readonly different: { readonly id: number; readonly a: string; readonly b: string } | undefined
  /** Ids with the same token in both. */
  readonly same: number
  /** Ids that one of them names alone. */
  readonly alone: { readonly a: number; readonly b: number }
}

/** Compares the contents of two `tokenizer.json`: the same id has to mean the same token, and one may name more ids. */
export const compareTokens = (a: unknown, b: unknown): TokenAgreement => {
  const [ours, theirs] = [tokensById(a), tokensById(b)]
  let [same, shared] = [0, 0]
  let different: TokenAgreement["different"]
  for (const [id, token] of ours) {
    const other = theirs.get(id)
    if (other === undefined) continue
    shared++
    if (other === token) same++
    else if (different === undefined || id < different.id) different = { id, a: token, b: other }
  }
  return { different, same, alone: { a: ours.size - shared, b: theirs.size - shared } }
}
