/** Common parts of the tests of signals: tiny models that differ, a data set, instances of plugins. */
import type { EncodedExample, Encoder } from "@winnow/core"
import { llama } from "@winnow/model-llama"
import { initialise } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { Effect } from "effect"

export const V = 31

const sizes = { vocab_size: V, max_position_embeddings: 32, num_attention_heads: 2, initializer_range: 0.4 }
const architectures = {
  large: Effect.runSync(llama({ ...sizes, hidden_size: 24, num_hidden_layers: 2, intermediate_size: 40 }).instance),
  small: Effect.runSync(llama({ ...sizes, hidden_size: 16, num_hidden_layers: 1, intermediate_size: 24 }).instance),
}

/** A model of the target's or of the draft's size, with a wide initialisation, so that two of them are far apart. */
export const tinyModel = (size: keyof typeof architectures, seed: number): Encoder =>
  initialise(architectures[size], seed)

/** Sequences of 4 to 15 tokens with prompts of 0 to 3; number 5 is all prompt except its last token. */
export const tinyExamples = (count: number): ReadonlyArray<EncodedExample> => {
  const rng = seeded(3, "signals examples")
  return Array.from({ length: count }, (_, i) => {
    const ids = Int32Array.from({ length: 4 + rng.below(12) }, () => rng.below(V))
    return { ids, promptLength: i === 5 ? ids.length - 1 : rng.below(4) }
  })
}

/** The instance of a plugin; the tests hand the models to the step themselves. */
export const instanceOf = <T>(use: { readonly instance: Effect.Effect<T, unknown> }): Promise<T> =>
  Effect.runPromise(use.instance)
