/** Finds special tokens that a text spells, and makes a tokenizer that reads them as text. */
import { InvalidInput } from "@winnow/core"
import { sha256 } from "@winnow/files"
import type { AddedToken, CheckedJson } from "./tokenizer-json.ts"

/** A tokenizer's normaliser, if it has one. */
type Normalize = ((text: string) => string) | undefined

/**
 * The text by which the library looks for an added token: its normal form if the search is in the normaliser's output.
 */
const formOf = ({ content, normalized }: AddedToken, normalize: Normalize): string =>
  normalized && normalize !== undefined ? normalize(content) : content

/**
 * Problems of added tokens that the library looks for in the normaliser's output, if their normal form is empty or
 * shared.
 *
 * An empty one matches in every text, and ends the process at a letter of more than one byte. Of two equal ones the
 * library takes one at random, possibly the other in the next process.
 */
export const formProblems = ({ added }: Pick<CheckedJson, "added">, normalize: Normalize): ReadonlyArray<string> => {
  if (normalize === undefined) return []
  const problems: Array<string> = []
  const byForm = new Map<string, string>()
  for (const token of added) {
    const { content } = token
    if (!token.normalized || content === "") continue
    const form = formOf(token, normalize)
    const other = byForm.get(form)
    const name = JSON.stringify(content)
    if (form === "")
      problems.push(
        `the normalizer leaves nothing of the added token ${name}, which has normalized true: the tokenizers library ` +
          "crashes on it; set normalized to false, or remove the token",
      )
    else if (other !== undefined && other !== content)
      problems.push(
        `the normalizer makes the added tokens ${JSON.stringify(other)} and ${name} the same text, ${JSON.stringify(form)}: the ` +
          "tokenizers library takes either of them by chance; set normalized to false of one, or remove it",
      )
    byForm.set(form, content)
  }
  return problems
}

/** A pattern that matches any of the texts; undefined for no texts. */
const anyOf = (texts: ReadonlyArray<string>): RegExp | undefined =>
  texts.length === 0
    ? undefined
    : // The longest first, as the library does.
      new RegExp(
        [...texts]
          .sort((a, b) => b.length - a.length)
          .map(RegExp.escape)
          .join("|"),
        "gu",
      )

/**
 * The special tokens that a text spells, with repetitions; empty for nearly all texts.
 *
 * @param normalize the tokenizer's normaliser, if it has one: the library looks for some special tokens in its output
 */
export const spelling = (
  { added }: Pick<CheckedJson, "added">,
  normalize: Normalize,
): ((text: string) => ReadonlyArray<string>) => {
  const special = added.filter((token) => token.special && token.content !== "")
  const isNormalized = (token: (typeof added)[number]) => token.normalized && normalize !== undefined
  const written = anyOf(special.filter((token) => !isNormalized(token)).map(({ content }) => content))
  const byForm = new Map(special.filter(isNormalized).map(({ content }) => [normalize!(content), content]))
  const forms = anyOf([...byForm.keys()].filter((form) => form !== ""))
  return (text) => {
    const matches: Array<string> = written === undefined ? [] : [...(text.match(written) ?? [])]
    if (forms === undefined) return matches
    return [...matches, ...(normalize!(text).match(forms) ?? []).map((form) => byForm.get(form) ?? form)]
  }
}

/** True if the library, after a match of `special`, would skip a `token` that begins within it. */
const hides = (special: string, token: string): boolean => {
  if (special.includes(token)) return true
  for (let n = 1; n < Math.min(special.length, token.length); n++) if (special.endsWith(token.slice(0, n))) return true
  return false
}

/**
 * The `tokenizer.json` under which special tokens are plain text: Python's `encode_special_tokens = True`, which the
 * library's binding for JavaScript lacks.
 *
 * Special tokens leave `added_tokens`. If one has its id only there, a name that no text spells replaces it, because
 * the ids of later tokens are counted from it.
 *
 * @param normalize as for `spelling`: tokens that differ may look alike in its output
 * @error InvalidInput (thrown) if another added token begins within a special one: Python then skips the other
 */
export const plainJson = (json: object, { added, vocabulary }: CheckedJson, normalize: Normalize): object => {
  const special = new Set(added.filter((token) => token.special).map(({ content }) => content))
  for (const token of added) {
    const { content, normalized } = token
    if (special.has(content)) continue
    const form = formOf(token, normalize)
    const over = added.find(
      (other) => special.has(other.content) && other.normalized === normalized && hides(formOf(other, normalize), form),
    )
    if (over !== undefined) {
      const problem = `the added token ${JSON.stringify(content)} begins within the special token ${JSON.stringify(over.content)}`
      const problems = [`${problem}, so texts that spell the special one cannot be encoded as text; take them as ids`]
      throw new InvalidInput({ what: "tokenizer.json", problems })
    }
  }
  const entries = (json as { added_tokens?: ReadonlyArray<{ content: string }> }).added_tokens ?? []
  const added_tokens = entries.flatMap((entry) => {
    if (!special.has(entry.content)) return [entry]
    if (vocabulary.has(entry.content)) return []
    const content = `\u{10ffff}${sha256(entry.content)}`
    return [{ ...entry, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: false }]
  })
  return { ...json, added_tokens }
}
