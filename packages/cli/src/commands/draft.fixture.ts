/** A tiny target with its tokenizer, and a file of prompts, for tests of `winnow draft`. */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { tokenizerFiles, trainBpe } from "@winnow/data"
import { llama } from "@winnow/model-llama"
import { initialise, saveModel } from "@winnow/models"
import { Effect } from "effect"

/** Writes `target/` and `prompts.jsonl`, 40 prompts, to a folder. Needs the engine. */
export const writeTarget = async (root: string): Promise<void> => {
  const words = ["How many apples has Anna?", "Ben buys 3 pens for 4 dollars.", "Who is there? Nobody."]
  const tokenizer = trainBpe(words, { vocabularySize: 280 })
  const sizes = { vocab_size: tokenizer.vocabularySize, hidden_size: 32, num_hidden_layers: 4, num_attention_heads: 2 }
  const shape = { intermediate_size: 64, max_position_embeddings: 96, initializer_range: 0.3 }
  const model = initialise(await Effect.runPromise(llama({ ...sizes, ...shape }).instance), 1)
  mkdirSync(join(root, "target"))
  await Effect.runPromise(saveModel(model, join(root, "target")))
  for (const [file, text] of Object.entries(tokenizerFiles(tokenizer))) writeFileSync(join(root, "target", file), text)
  model.dispose()
  const lines = Array.from({ length: 40 }, (_, i) => JSON.stringify({ prompt: `${words[i % 3]} ${i}` }))
  writeFileSync(join(root, "prompts.jsonl"), lines.join("\n"))
}
