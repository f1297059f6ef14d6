/** The house's families, and the reading of folders by them: for tests. */

import { codegen } from "@winnow/model-codegen"
import { gemma2 } from "@winnow/model-gemma2"
import { gemma3 } from "@winnow/model-gemma3"
import { gptNeox } from "@winnow/model-gpt-neox"
import { gpt2 } from "@winnow/model-gpt2"
import { llama } from "@winnow/model-llama"
import { mistral } from "@winnow/model-mistral"
import { modernbert, modernbertDecoder } from "@winnow/model-modernbert"
import { phi } from "@winnow/model-phi"
import { phi3 } from "@winnow/model-phi3"
import { qwen2 } from "@winnow/model-qwen2"
import { qwen3 } from "@winnow/model-qwen3"
import * as config from "./config.ts"
import * as files from "./files.ts"

export const families = [
  codegen,
  gemma2,
  gemma3,
  gpt2,
  gptNeox,
  llama,
  mistral,
  modernbert,
  modernbertDecoder,
  phi,
  phi3,
  qwen2,
  qwen3,
]
export const architectureFromConfig = (given: unknown, where?: string) =>
  config.architectureFromConfig(families, given, where)
export const loadModel = (dir: string) => files.loadModel(dir, families)
export const loadDecoder = (dir: string) => files.loadDecoder(dir, families)
export const readArchitecture = (dir: string) => files.readArchitecture(dir, families)

/** A small Llama, with keys that have no effect. */
export const smallConfig = {
  model_type: "llama",
  vocab_size: 11,
  hidden_size: 8,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 12,
  // keys of `transformers` without effect here
  transformers_version: "5.18.0",
  id2label: { 0: "LABEL_0" },
  rope_scaling: null,
  head_dim: null,
  eos_token_id: [2, 3],
}
