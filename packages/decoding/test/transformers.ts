/** Small transformers with random weights, spread so that choices are sharp. */
import type { Architecture, Decoder } from "@winnow/core"
import { gptNeox } from "@winnow/model-gpt-neox"
import { llama } from "@winnow/model-llama"
import { initialise } from "@winnow/models"
import { normals, seeded } from "@winnow/numerics"
import { native, tf, withoutNative } from "@winnow/tensor"
import type { Effect } from "effect"

export const VOCABULARY = 61
const shape = {
  vocab_size: VOCABULARY,
  hidden_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  max_position_embeddings: 64,
}

export const architectures: ReadonlyArray<readonly [string, Effect.Effect<Architecture, unknown>]> = [
  ["gpt_neox", gptNeox(shape).instance],
  ["llama", llama({ ...shape, num_key_value_heads: 2 }).instance],
]

/** Adds noise to every parameter: logits spread, choices are sharper, and two models differ in part. */
export const shake = (model: Decoder, scale: number, seed: number): Decoder => {
  for (const [name, value] of model.parameters)
    tf.tidy(() => {
      const noise = normals(value.size, scale, seeded(seed, name))
      value.assign(tf.add(value, tf.tensor(noise, value.shape)))
    })
  return model
}

/** A model whose random weights are always the same. */
export const randomModel = (architecture: Architecture): Decoder => shake(initialise(architecture, 1), 0.2, 2)

type Path = readonly [name: string, on: <T>(run: () => T) => T]
const natively: Path = ["native", (run) => run()]

/** The ways of decoding on this machine: native if there is a library, and plain ops. */
export const paths: ReadonlyArray<Path> = [...(native() === undefined ? [] : [natively]), ["plain", withoutNative]]
