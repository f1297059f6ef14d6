import { describe, expect, test } from "bun:test"
import type { Attends, Encoder, ModelUse } from "@winnow/core"
import { codegen } from "@winnow/model-codegen"
import { gemma3 } from "@winnow/model-gemma3"
import { gptNeox } from "@winnow/model-gpt-neox"
import { gpt2 } from "@winnow/model-gpt2"
import { llama } from "@winnow/model-llama"
import { mistral } from "@winnow/model-mistral"
import { modernbert } from "@winnow/model-modernbert"
import { phi } from "@winnow/model-phi"
import { phi3 } from "@winnow/model-phi3"
import { qwen2 } from "@winnow/model-qwen2"
import { qwen3 } from "@winnow/model-qwen3"
import { linear, tf } from "@winnow/tensor"
import { Effect } from "effect"
import { initialise, modelOfWidths, type WidthValues } from "./index.ts"

const size = { vocab_size: 40, hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 20 }
const grouped = { ...size, num_attention_heads: 4, num_key_value_heads: 2, head_dim: 8 }
const gpt = { vocab_size: 40, n_embd: 16, n_layer: 2, n_head: 2, n_positions: 32 }

type Case = readonly [name: string, use: ModelUse<Attends>, widths: WidthValues]
/** Wider models that are the same function. */
const same: ReadonlyArray<Case> = [
  [
    "llama",
    llama({ ...size, max_position_embeddings: 32 }),
    { hidden_size: 22, num_attention_heads: 4, num_key_value_heads: 4, intermediate_size: 33 },
  ],
  [
    "llama, tied, more query heads in each group",
    llama({ ...grouped, tie_word_embeddings: true, max_position_embeddings: 32 }),
    { hidden_size: 48, num_attention_heads: 6 },
  ],
  [
    "llama, more groups of heads",
    llama({ ...grouped, max_position_embeddings: 32 }),
    { num_attention_heads: 10, num_key_value_heads: 5 },
  ],
  [
    "mistral",
    mistral({ ...grouped, max_position_embeddings: 32, sliding_window: 3 }),
    { hidden_size: 20, intermediate_size: 21 },
  ],
  [
    "qwen2",
    qwen2({ ...grouped, max_position_embeddings: 32 }),
    { hidden_size: 40, num_attention_heads: 8, num_key_value_heads: 4 },
  ],
  [
    "qwen3",
    qwen3({ ...grouped, max_position_embeddings: 32, tie_word_embeddings: true }),
    { hidden_size: 24, num_attention_heads: 8, intermediate_size: 40 },
  ],
  [
    "gemma3",
    gemma3({ ...grouped, max_position_embeddings: 32, query_pre_attn_scalar: 8, sliding_window: 3 }),
    { hidden_size: 26, num_attention_heads: 8, intermediate_size: 31 },
  ],
  [
    "phi3",
    phi3({ ...grouped, max_position_embeddings: 32 }),
    { hidden_size: 17, num_attention_heads: 8, num_key_value_heads: 4, intermediate_size: 45 },
  ],
  ["gpt2", gpt2(gpt), { n_embd: 48, n_head: 6, n_inner: 100 }],
  ["gpt2, feed-forward alone", gpt2(gpt), { n_inner: 70 }],
  [
    "gpt-neox",
    gptNeox({ ...size, max_position_embeddings: 32 }),
    { hidden_size: 32, num_attention_heads: 4, intermediate_size: 23 },
  ],
  [
    "phi",
    phi({ ...size, num_attention_heads: 2, max_position_embeddings: 32 }),
    { hidden_size: 32, num_attention_heads: 4, num_key_value_heads: 4 },
  ],
  ["codegen", codegen({ ...gpt, n_head: 4, rotary_dim: 4 }), { n_embd: 32, n_head: 8 }],
  [
    "modernbert",
    modernbert({ ...size, max_position_embeddings: 32, local_attention: 4 }),
    { hidden_size: 32, num_attention_heads: 4, intermediate_size: 31 },
  ],
  [
    "modernbert, untied, with biases",
    modernbert({
      ...size,
      max_position_embeddings: 32,
      tie_word_embeddings: false,
      norm_bias: true,
      mlp_bias: true,
      attention_bias: true,
      classifier_bias: true,
    }),
    { hidden_size: 48, num_attention_heads: 6 },
  ],
]

const ids = [
  [1, 5, 9, 30, 2, 2, 17, 39],
  [8, 0, 3, 3, 21, 11, 6, 25],
]
const logits = (model: Encoder) =>
  tf.tidy(() => {
    const h = model.hidden(tf.tensor2d(ids, [2, 8], "int32"))
    return Float32Array.from(
      linear(tf.reshape(h, [16, -1]) as tf.Tensor2D, model.head_Vd as unknown as tf.Tensor2D).dataSync(),
    )
  })

/** A model whose norms and biases are not those of a fresh one, and whose weights are large enough to matter. */
const trained = async (use: ModelUse<Attends>): Promise<Encoder> => {
  const model = initialise(await Effect.runPromise(use.instance), 3)
  for (const [name, variable] of model.parameters)
    tf.tidy(() => {
      const noise = tf.randomNormal(variable.shape, 0, variable.shape.length === 1 ? 0.2 : 0.1, "float32", name.length)
      variable.assign(tf.add(tf.mul(variable, variable.shape.length === 1 ? 1 : 3), noise) as tf.Variable)
    })
  return model
}
const furthest = (a: Float32Array, b: Float32Array) => a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0)
const largest = (a: Float32Array) => a.reduce((most, x) => Math.max(most, Math.abs(x)), 0)

describe("a wider model is the same function", () => {
  for (const [name, use, widths] of same)
    test(name, async () => {
      const model = await trained(use)
      const before = logits(model)
      const tensors = tf.memory().numTensors
      const wider = modelOfWidths(model, widths, "largest", 7)
      expect(largest(before)).toBeGreaterThan(0.3)
      expect(furthest(logits(wider), before)).toBeLessThan(1e-4)
      expect(wider.architecture.config).toMatchObject(widths)
      expect(wider.architecture.notes?.at(-1)).toEndWith("begins as the same function")
      wider.dispose()
      expect(tf.memory().numTensors).toBe(tensors)
      model.dispose()
    })
})

describe("a wider model is trained in all its units", () => {
  const gradients = (model: Encoder) => {
    const loss = () => tf.mean(tf.square(model.hidden(tf.tensor2d(ids, [2, 8], "int32")))) as tf.Scalar
    const { grads } = tf.tidy(() => {
      const { grads } = tf.variableGrads(loss, [...model.parameters.values()])
      return { grads }
    })
    const of = new Map(
      [...model.parameters].flatMap(([name, { name: own }]) => {
        const found = grads[own]
        return found === undefined || found === null ? [] : [[name, found.arraySync() as Array<Array<number>>] as const]
      }),
    )
    tf.dispose(grads)
    return of
  }
  const differs = (a: ReadonlyArray<number>, b: ReadonlyArray<number>) => a.some((x, i) => Math.abs(x - b[i]!) > 1e-9)

  test("copies of a unit and of a head have gradients of their own", async () => {
    const model = await trained(gpt2(gpt))
    const wider = modelOfWidths(model, { n_embd: 32, n_head: 4, n_inner: 128 }, "largest", 7)
    const of = gradients(wider)
    const up = of.get("transformer.h.0.mlp.c_fc.weight")!
    expect(differs(up[0]!, up[64]!)).toBe(true)
    const packed = of.get("transformer.h.0.attn.c_attn.weight")!
    expect(differs(packed[0]!, packed[16]!)).toBe(true)
    const stream = of.get("transformer.h.0.mlp.c_proj.weight")!
    expect(differs(stream[0]!, stream[16]!)).toBe(true)
    wider.dispose()
    model.dispose()
  })

  test("the weights that write a silent unit have gradients", async () => {
    const model = await trained(llama({ ...size, max_position_embeddings: 32 }))
    const wider = modelOfWidths(model, { hidden_size: 24, num_attention_heads: 3, num_key_value_heads: 3 }, "first", 7)
    const down = wider.parameters.get("model.layers.0.mlp.down_proj.weight")!.arraySync() as Array<Array<number>>
    expect(down[20]!.every((x) => x === 0)).toBe(true)
    expect(
      gradients(wider)
        .get("model.layers.0.mlp.down_proj.weight")![20]!
        .some((x) => x !== 0),
    ).toBe(true)
    wider.dispose()
    model.dispose()
  })

  test("the seed draws the shares; the same seed gives the same model", async () => {
    const model = await trained(gpt2(gpt))
    const of = (seed: number) => {
      const wider = modelOfWidths(model, { n_inner: 128 }, "first", seed)
      const values = Float32Array.from(wider.parameters.get("transformer.h.0.mlp.c_proj.weight")!.dataSync())
      wider.dispose()
      return values
    }
    expect(of(1)).toEqual(of(1))
    expect(of(1)).not.toEqual(of(2))
    model.dispose()
  })
})

describe("a narrower model", () => {
  const at = "model.layers.0."
  const assign = (model: Encoder, name: string, keep: (row: number, column: number) => boolean) =>
    tf.tidy(() => {
      const variable = model.parameters.get(name)!
      const [rows, columns] = variable.shape as [number, number]
      const mask = tf.buffer([rows, columns])
      for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) mask.set(keep(r, c) ? 1 : 0, r, c)
      variable.assign(tf.mul(variable, mask.toTensor()) as tf.Variable)
    })

  test("keeps the largest units of a feed-forward, and the largest heads, each layer its own", async () => {
    const model = await trained(llama({ ...grouped, max_position_embeddings: 32 }))
    // All other units of the first layer do nothing, so the narrower layer is the same function.
    const units = [3, 7, 8, 19]
    for (const name of ["gate_proj", "up_proj"]) assign(model, `${at}mlp.${name}.weight`, (r) => units.includes(r))
    assign(model, "model.layers.1.mlp.down_proj.weight", (_, c) => c < 4)
    for (const name of ["gate_proj", "up_proj"]) assign(model, `model.layers.1.mlp.${name}.weight`, (r) => r < 4)
    for (const l of [0, 1]) {
      assign(model, `model.layers.${l}.self_attn.o_proj.weight`, (_, c) => c >= 16)
      for (const name of ["k_proj", "v_proj"])
        assign(model, `model.layers.${l}.self_attn.${name}.weight`, (r) => r >= 8)
    }
    const before = logits(model)
    const narrower = modelOfWidths(
      model,
      { intermediate_size: 4, num_attention_heads: 2, num_key_value_heads: 1 },
      "largest",
      7,
    )
    expect(furthest(logits(narrower), before)).toBeLessThan(1e-5)
    const rows = (of: Encoder) => of.parameters.get(`${at}mlp.up_proj.weight`)!.arraySync() as Array<Array<number>>
    expect(rows(narrower)).toEqual(units.map((unit) => rows(model)[unit]!))
    expect(narrower.architecture.notes?.at(-1)).toBe(
      "a model with intermediate_size 4, num_attention_heads 2, num_key_value_heads 1 begins as another function: of what is narrowed, the largest units are kept",
    )
    narrower.dispose()
    // Of each group of query heads one is kept.
    const one = modelOfWidths(model, { num_attention_heads: 2 }, "first", 7)
    const queries = (of: Encoder) =>
      of.parameters.get(`${at}self_attn.q_proj.weight`)!.arraySync() as Array<Array<number>>
    expect(queries(one)).toEqual([...queries(model).slice(0, 8), ...queries(model).slice(16, 24)])
    one.dispose()
    model.dispose()
  })

  test("keeps the same units of the stream in all layers", async () => {
    const model = await trained(llama({ ...grouped, max_position_embeddings: 32 }))
    const table = model.parameters.get("model.embed_tokens.weight")!
    tf.tidy(() =>
      table.assign(tf.mul(table, tf.tensor1d(Array.from({ length: 16 }, (_, i) => (i % 2 ? 30 : 1)))) as tf.Variable),
    )
    const narrower = modelOfWidths(model, { hidden_size: 8 }, "largest", 7)
    const values = (of: Encoder, name: string) => of.parameters.get(name)!.arraySync() as Array<Array<number>>
    const odd = [1, 3, 5, 7, 9, 11, 13, 15]
    const rows = values(model, `${at}mlp.down_proj.weight`)
    expect(values(narrower, `${at}mlp.down_proj.weight`)).toEqual(odd.map((i) => rows[i]!))
    expect(values(narrower, "lm_head.weight")).toEqual(
      values(model, "lm_head.weight").map((row) => odd.map((i) => row[i]!)),
    )
    narrower.dispose()
    model.dispose()
  })
})

test("copies in unequal numbers under layer norms are another function, and the note says so", async () => {
  const model = await trained(gptNeox({ ...size, max_position_embeddings: 32 }))
  const wider = modelOfWidths(model, { hidden_size: 24, num_attention_heads: 3 }, "first", 7)
  expect(furthest(logits(wider), logits(model))).toBeGreaterThan(1e-2)
  expect(wider.architecture.notes).toEqual([
    "a model with hidden_size 24, num_attention_heads 3 begins as another function: its layer norms see copies in unequal numbers, as 24 is no multiple of 16",
  ])
  wider.dispose()
  model.dispose()
})

test("widths that the family does not have, or that do not fit each other, are refused", async () => {
  const refused = async (use: ModelUse<Attends>, widths: WidthValues) => {
    const model = initialise(await Effect.runPromise(use.instance), 3)
    try {
      modelOfWidths(model, widths, "first", 1).dispose()
    } catch (error) {
      return String((error as Error).message)
    } finally {
      model.dispose()
    }
    throw new Error("was not refused")
  }
  const of = llama({ ...grouped, max_position_embeddings: 32 })
  expect(await refused(of, { n_embd: 32 })).toBe(
    "a model with n_embd 32: llama has no width n_embd; it has hidden_size, intermediate_size, num_attention_heads, num_key_value_heads",
  )
  expect(await refused(of, {})).toStartWith("a model with no other width: name some of hidden_size")
  expect(await refused(of, { num_attention_heads: 5 })).toContain("num_key_value_heads 2 divides num_attention_heads 5")
  expect(await refused(of, { num_attention_heads: 4, num_key_value_heads: 4 })).toEndWith(
    "4 key-value heads for 4 heads of queries, 2 for 4 before: change the key-value heads, or the query heads of each, not both",
  )
  expect(await refused(gpt2(gpt), { n_embd: 32 })).toEndWith(
    "a head would have 16 entries, not 8: change the number of heads with the hidden size",
  )
})
