/** The small GPT-NeoX models of the benches, with random weights: speed does not depend on what they know. */
import type { Decoder } from "@winnow/core"
import { gptNeox } from "@winnow/model-gpt-neox"
import { initialise } from "@winnow/models"
import { Effect } from "effect"

/** Vocabulary of every model here: of the order that BPE trained on a task's own text has. */
export const vocabulary = 4096

/** Hidden size d, layers, heads of 32; the feed-forward layers are 4 d wide, as in Pythia. */
export const neox = async (d: number, layers: number, seed: number): Promise<Decoder> => {
  const use = gptNeox({
    vocab_size: vocabulary,
    max_position_embeddings: 512,
    hidden_size: d,
    num_hidden_layers: layers,
    num_attention_heads: d / 32,
    intermediate_size: 4 * d,
  })
  return initialise(await Effect.runPromise(use.instance), seed)
}
