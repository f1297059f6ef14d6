/** Small GPT-NeoX models with random weights: speed does not depend on training. */
import type { Decoder } from "@winnow/core"
import { gptNeox } from "@winnow/model-gpt-neox"
import { initialise } from "@winnow/models"
import { Effect } from "effect"

/** Vocabulary of all models here: about the size of a BPE trained on a task's own text. */
export const vocabulary = 4096

/** Arguments: hidden size d, layers, seed. Heads have size 32; feed-forward layers are 4 d wide, as in Pythia. */
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
