/**
 * Checks the content of a `tokenizer.json` where the library would be silent: above all ids before they are narrowed.
 */
import { InvalidInput } from "@winnow/core"
import { type } from "arktype"

const Json = type({
  // Older files leave the type out; the library then infers it from the fields.
  model: {
    "type?": "'BPE' | 'WordPiece' | 'WordLevel' | 'Unigram'",
    vocab: "object",
    "dropout?": "unknown",
  },
  "added_tokens?": type({ id: "unknown", content: "string", "special?": "boolean", "normalized?": "boolean" }).array(),
  "truncation?": "unknown",
  "padding?": "unknown",
  "normalizer?": "unknown",
  "post_processor?": "unknown",
})

/** An entry of `added_tokens`. */
export interface AddedToken {
  readonly id: number
  readonly content: string
  readonly special: boolean
  /** True if the library looks for it in the normalised text. */
  readonly normalized: boolean
}

/** The facts that a `tokenizer.json` states, before the library reads it. */
export interface CheckedJson {
  readonly added: ReadonlyArray<AddedToken>
  /** Ids of the model's own vocabulary; an added token may be one of them. */
  readonly vocabulary: ReadonlyMap<string, number>
  readonly dropout: number
  readonly truncation: object | undefined
  readonly padding: object | undefined
  readonly normalizer: object | undefined
  readonly postProcessor: object | undefined
}

/** Ids are stored as int32. */
const largestId = 2 ** 31 - 1

/** Number of problems in the message; a file of another kind has one for each token. */
const mostProblems = 8

const listed = (problems: ReadonlyArray<string>): ReadonlyArray<string> =>
  problems.length <= mostProblems
    ? problems
    : [...problems.slice(0, mostProblems), `and ${problems.length - mostProblems} more`]

const isId = (id: unknown): id is number => Number.isInteger(id) && (id as number) >= 0 && (id as number) <= largestId

const objectOf = (value: unknown): object | undefined =>
  typeof value === "object" && value !== null ? value : undefined

/** Entries in the order of ids; Unigram has a list of tokens and scores. */
function* entriesOf(vocab: object): Generator<readonly [token: unknown, id: unknown]> {
  if (!Array.isArray(vocab)) yield* Object.entries(vocab)
  else for (const [id, entry] of vocab.entries()) yield [Array.isArray(entry) ? entry[0] : entry, id]
}

/**
 * Checks a parsed `tokenizer.json`.
 *
 * @error InvalidInput (thrown) for content that is no tokenizer; for an id that is no integer from 0 to 2^31 - 1, two
 * tokens of one id, or a dropout that is no number from 0 to 1
 */
export const checkJson = (json: object): CheckedJson => {
  const checked = Json(json)
  if (checked instanceof type.errors) throw new InvalidInput({ what: "tokenizer.json", problems: [checked.summary] })
  const { model, added_tokens = [] } = checked
  const problems: Array<string> = []
  const tokenOf = new Map<number, string>()
  const claim = (id: unknown, token: string, place: string) => {
    if (!isId(id)) {
      problems.push(
        `${place} gives ${JSON.stringify(token)} the id ${JSON.stringify(id)}, expected an integer from 0 to ${largestId}`,
      )
      return
    }
    const other = tokenOf.get(id)
    if (other !== undefined && other !== token)
      problems.push(
        `id ${id} is ${JSON.stringify(other)} and, in ${place}, ${JSON.stringify(token)}; expected one token an id`,
      )
    tokenOf.set(id, token)
  }
  const vocabulary = new Map<string, number>()
  // A Unigram may list a piece twice: its ids are positions, so no id repeats.
  for (const [token, id] of entriesOf(model.vocab)) {
    if (typeof token !== "string") {
      problems.push(`model.vocab has ${JSON.stringify(token)?.slice(0, 80)} at ${id}, expected [text, score]`)
      continue
    }
    claim(id, token, "model.vocab")
    vocabulary.set(token, id as number)
  }
  for (const { id, content } of added_tokens) claim(id, content, "added_tokens")
  const dropout = model.dropout ?? 0
  if (typeof dropout !== "number" || !(dropout >= 0 && dropout <= 1))
    problems.push(`model.dropout is ${JSON.stringify(dropout)}, expected a number from 0 to 1, or null`)
  if (problems.length > 0) throw new InvalidInput({ what: "tokenizer.json", problems: listed(problems) })
  return {
    added: added_tokens.map(({ id, content, special = false, normalized = !special }) => ({
      id: id as number,
      content,
      special,
      normalized,
    })),
    vocabulary,
    dropout: dropout as number,
    truncation: objectOf(checked.truncation),
    padding: objectOf(checked.padding),
    normalizer: objectOf(checked.normalizer),
    postProcessor: objectOf(checked.post_processor),
  }
}
