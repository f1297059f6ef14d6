/** The rows of a model's head against the tokens of a tokenizer and against another model's. */
import { InvalidInput, type Proposer } from "@winnow/core"
import { type Codec, vocabularyProblems } from "@winnow/data"
import { Effect } from "effect"

/** A model or a proposer by its name in a message. */
interface Sized {
  readonly name: string
  readonly vocabularySize: number
}

/**
 * Compares the sizes of a target's, a proposer's and a tokenizer's vocabularies.
 *
 * @param proposer may be undefined: the target alone
 * @error InvalidInput for two sizes, or for fewer rows than the tokenizer has tokens
 */
export const checkVocabularies = (
  target: { readonly architecture: { readonly vocabularySize: number } },
  proposer: { readonly name: string; readonly proposer: Proposer } | undefined,
  tokenizer: Codec | undefined,
): Effect.Effect<void, InvalidInput> => {
  const V = target.architecture.vocabularySize
  const size = proposer?.proposer.vocabularySize
  const sizes: ReadonlyArray<Sized> = [
    { name: "target", vocabularySize: V },
    ...(proposer === undefined || size === undefined ? [] : [{ name: proposer.name, vocabularySize: size }]),
  ]
  const problems = [...vocabularyProblems(sizes)]
  // Rows beyond the tokenizer's ids are common in published models, and harmless: no text has their ids.
  if (tokenizer !== undefined && tokenizer.vocabularySize > V)
    problems.push(
      `the target has a vocabulary of ${V}, its tokenizer ${tokenizer.vocabularySize}; expected at least as many rows as tokens: put the model's own tokenizer.json into its folder`,
    )
  return problems.length === 0 ? Effect.void : Effect.fail(new InvalidInput({ what: "vocabularies", problems }))
}
