/** The laws of models catch faults: models that are broken in one way each. */
import { expect, test } from "bun:test"
import type { Decoder } from "@winnow/core"
import { llama } from "@winnow/model-llama"
import { tf } from "@winnow/tensor"
import { checkModel } from "@winnow/testing"
import { Effect } from "effect"
import { initialise } from "./initialise.ts"

const architecture = Effect.runSync(
  llama({
    vocab_size: 13,
    hidden_size: 8,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    max_position_embeddings: 24,
    initializer_range: 0.3,
  }).instance,
)

/** A sound model with one part replaced. */
const broken = (change: (model: Decoder) => Partial<Decoder>) => (seed: number) => {
  const model = initialise(architecture, seed)
  return { ...model, ...change(model) }
}

const cases: Record<string, readonly [law: string, change: (model: Decoder) => Partial<Decoder>]> = {
  "sees the future": [
    "causality",
    (model) => ({
      hidden: (ids) => tf.tidy(() => tf.add(model.hidden(ids), tf.mul(tf.mean(model.hidden(ids), 1, true), 0.1))),
    }),
  ],
  "ignores its input": [
    "reads its input",
    (model) => ({ hidden: (ids) => tf.tidy(() => model.hidden(tf.zerosLike(ids))) }),
  ],
  "mixes sequences": [
    "batch",
    (model) => ({
      hidden: (ids) =>
        tf.tidy(() => {
          const h = model.hidden(ids)
          return tf.add(h, tf.mul(tf.sub(tf.mean(h, 0, true), h), 0.1))
        }),
    }),
  ],
  "forgets where its sequence begins": ["packing", (model) => ({ hidden: (ids) => model.hidden(ids) })],
  "attends to padding": ["padding", (model) => ({ decoding: () => model.decoding() })],
  "does not forget": [
    "cache",
    (model) => ({
      decoding: (pad_B) => {
        const decoding = model.decoding(pad_B)
        let length = 0
        return {
          get length() {
            return length
          },
          extend: (ids) => {
            length += ids.shape[1]
            return decoding.extend(ids)
          },
          rollback: (to) => {
            length = to
          },
          dispose: decoding.dispose,
        }
      },
    }),
  ],
  "reads a tree as a text": [
    "tree",
    (model) => ({
      decoding: (pad_B) => {
        const decoding = model.decoding(pad_B)
        return {
          get length() {
            return decoding.length
          },
          extend: (ids) => decoding.extend(ids),
          rollback: (to) => decoding.rollback(to),
          dispose: decoding.dispose,
        }
      },
    }),
  ],
  "doubles its gradient": [
    "finite differences",
    (model) => ({
      hidden: (ids, start) => {
        const h = model.hidden(ids, start)
        return tf.customGrad((x) => ({ value: (x as tf.Tensor3D).clone(), gradFunc: (dy) => tf.mul(dy, 2) }))(
          h,
        ) as tf.Tensor3D
      },
    }),
  ],
  leaks: ["no leak", (model) => ({ dispose: () => model.head_Vd.dispose() })],
  "has another head": ["head", (model) => ({ head_Vd: model.parameters.get("model.embed_tokens.weight")! })],
}

for (const [name, [law, change]] of Object.entries(cases))
  test(`a model that ${name} breaks "${law}"`, async () => {
    tf.engine().startScope()
    try {
      await expect(checkModel(broken(change))).rejects.toThrow(`breaks the law "${law}`)
    } finally {
      tf.engine().endScope()
    }
  })
