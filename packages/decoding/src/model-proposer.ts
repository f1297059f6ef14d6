/** A draft model as a proposer. */
import type { Decoder, Proposer } from "@winnow/core"
import { modelSequence } from "@winnow/generation"
import { parameterCount } from "@winnow/models"

/**
 * Proposes the draft model's own continuation: greedy at temperature 0, else drawn with the target's sampling options.
 */
export const modelProposer = (draft: Decoder): Proposer => {
  const { architecture } = draft
  return {
    name: "model",
    model: draft,
    parameters: parameterCount(architecture),
    vocabularySize: architecture.vocabularySize,
    maxLength: architecture.maxLength,
    begin: (start) => modelSequence(draft, start),
  }
}
