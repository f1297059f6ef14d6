/** Refuses models whose vocabularies do not go with each other, or with the tokenizer. */
import { InvalidInput } from "@winnow/core"
import { byteTokenizer, vocabularyProblems } from "@winnow/data"
import { Effect } from "effect"
import type { Architectures } from "../architectures.ts"
import type { Resolved } from "../experiment/resolved.ts"

/** The number of the tokenizer's ids, where the experiment states it. Undefined for a file. */
const tokenizerSize = ({ tokenizer }: Resolved): number | undefined => {
  if (tokenizer.kind === "byte") return byteTokenizer.vocabularySize
  return tokenizer.kind === "bpe" ? tokenizer.vocabulary : undefined
}

/** Preflight's check of the vocabularies, before any work: it needs neither data nor tokenizer. */
export const checkVocabularies = (
  resolved: Resolved,
  { draft, target, others = [] }: Architectures,
): Effect.Effect<void, InvalidInput> => {
  const vocabularySize = tokenizerSize(resolved)
  const models = [{ name: "draft", architecture: draft }, { name: "target", architecture: target }, ...others].map(
    ({ name, architecture }) => ({ name, vocabularySize: architecture.vocabularySize }),
  )
  const problems = vocabularyProblems(models, vocabularySize === undefined ? undefined : { vocabularySize })
  return problems.length === 0
    ? Effect.void
    : Effect.fail(new InvalidInput({ what: `experiment ${resolved.name}`, problems }))
}
