/**
 * Families of models at equal sizes: forward and backward through the layers, and a greedy step. A family that is far
 * slower than Llama runs beside the fast path.
 */
import type { ModelUse } from "@winnow/core"
import { gemma2 } from "@winnow/model-gemma2"
import { gemma3 } from "@winnow/model-gemma3"
import { gptNeox } from "@winnow/model-gpt-neox"
import { llama } from "@winnow/model-llama"
import { mistral } from "@winnow/model-mistral"
import { phi } from "@winnow/model-phi"
import { phi3 } from "@winnow/model-phi3"
import { qwen2 } from "@winnow/model-qwen2"
import { qwen3 } from "@winnow/model-qwen3"
import { initialise } from "@winnow/models"
import { gradients, native, tf, withPrecision } from "@winnow/tensor"
import { Effect } from "effect"
import { do_not_optimize } from "mitata"
import { prepared, type Setup, type Suite } from "../suite.ts"

const [V, d, heads, window] = [4096, 256, 8, 128]
/** Sequences and their tokens. */
const [B, T] = [4, 256]
/** Positions that are cached before a greedy step. */
const P = 64

const sizes = {
  vocab_size: V,
  hidden_size: d,
  num_hidden_layers: 4,
  num_attention_heads: heads,
  max_position_embeddings: 512,
}
const gated = { ...sizes, num_key_value_heads: heads, intermediate_size: 768 }
const withHeadSize = { ...gated, head_dim: d / heads }
/** As many weights a layer in two matrices as the others have in three. */
const ungated = { ...sizes, intermediate_size: 1152 }

/** Llama first: the others are compared to it. */
const families: Readonly<Record<string, ModelUse>> = {
  llama: llama(gated),
  qwen2: qwen2(gated),
  qwen3: qwen3(withHeadSize),
  gemma2: gemma2({ ...withHeadSize, query_pre_attn_scalar: d / heads, sliding_window: window }),
  gemma3: gemma3({ ...withHeadSize, query_pre_attn_scalar: d / heads, sliding_window: window }),
  mistral: mistral({ ...gated, sliding_window: window }),
  phi3: phi3(gated),
  phi: phi(ungated),
  "gpt-neox": gptNeox(ungated),
}

const modelOf = (use: ModelUse) => initialise(Effect.runSync(use.instance), 1)

const passes = (use: ModelUse): Setup =>
  function* () {
    const model = modelOf(use)
    const { parameters, architecture } = model
    const trunk = [...parameters].flatMap(([name, variable]) =>
      name === architecture.head && name !== architecture.embedding ? [] : [variable],
    )
    const ids = tf.tensor2d(
      Int32Array.from({ length: B * T }, (_, i) => (i * 7919) % V),
      [B, T],
    )
    try {
      yield () =>
        withPrecision("bfloat16", () =>
          tf.tidy(() => {
            const sum = () => tf.sum(model.hidden(ids)) as tf.Scalar
            do_not_optimize(gradients(sum, trunk).gradients[0]!.dataSync())
          }),
        )
    } finally {
      ids.dispose()
      model.dispose()
    }
  }

const step = (use: ModelUse): Setup =>
  function* () {
    const model = modelOf(use)
    const state = model.decoding()
    try {
      const { quick } = state
      quick!.greedy(
        Int32Array.from({ length: P }, (_, i) => i),
        1,
        1,
        false,
      )
      yield prepared(
        () => state.rollback(P),
        () => do_not_optimize(quick!.greedy(Int32Array.of(1), 1, 1, false)),
      )
    } finally {
      state.dispose()
      model.dispose()
    }
  }

export const ofFamilies: Suite = ({ bench, skip }) => {
  for (const [what, amount, setup] of [
    ["forward and backward", B * T, passes],
    ["one token decoded", 1, step],
  ] as const)
    for (const [name, use] of Object.entries(families)) {
      const label = (family: string) => `${family}: ${what}`
      if (setup === step && native() === undefined) {
        skip(label(name), "needs the native library: see `winnow doctor`")
        continue
      }
      bench(label(name), {
        work: { amount, unit: "tokens/s" },
        ...(name === "llama" ? {} : { comparedTo: label("llama") }),
        setup: setup(use),
      })
    }
}
