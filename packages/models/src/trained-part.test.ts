/**
 * A training's part of a model: named parameters are frozen, counts are those of trained ones, and unknown names are
 * refused.
 */
import { expect, test } from "bun:test"
import { gptNeox } from "@winnow/model-gpt-neox"
import { llama } from "@winnow/model-llama"
import { Effect } from "effect"
import { parameterCount } from "./parameters.ts"
import { frozenTrunkSize, type TrainedPartOptions, trainedPart } from "./trained-part.ts"

const sizes = { vocab_size: 50, hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 24 }
const untied = Effect.runSync(llama(sizes).instance)
const tied = Effect.runSync(gptNeox({ ...sizes, tie_word_embeddings: true }).instance)
const all = parameterCount(untied)

test("without settings all of it is trained", () => {
  const part = trainedPart(untied, {})
  expect(part.count).toBe(all)
  expect(frozenTrunkSize(untied, part)).toBe(0)
})

test("embedding and head are parts; patterns name the rest", () => {
  const both = trainedPart(untied, { frozen: ["embedding", "head"] })
  expect(both.count).toBe(all - 2 * 50 * 16)
  expect(frozenTrunkSize(untied, both)).toBe(0)
  const layer = trainedPart(untied, { frozen: ["model.layers.0.*"] })
  expect(all - layer.count).toBe(4 * 16 * 16 + 3 * 16 * 24 + 2 * 16)
  expect(frozenTrunkSize(untied, layer)).toBe(4 * 16 * 16 + 3 * 16 * 24)
  // A dot matches only a dot, and a pattern covers the whole name.
  expect(() => trainedPart(untied, { frozen: ["model.layers"] })).toThrow("names no parameter")
})

test("with tied embeddings the head is the embedding", () => {
  const [head, embedding] = ["head", "embedding"].map((part) => trainedPart(tied, { frozen: [part] }))
  expect(head).toEqual(embedding!)
  expect(parameterCount(tied) - head!.count).toBe(50 * 16)
})

test("adapters count r (e + d) each, and leave the other matrices of the trunk", () => {
  const part = trainedPart(untied, { adapters: { kind: "lora", rank: 4, alpha: 8, on: ["q_proj", "down_proj"] } })
  expect(part.places).toHaveLength(4)
  expect(part.count).toBe(2 * (4 * 32 + 4 * 40))
  expect(frozenTrunkSize(untied, part)).toBe(2 * (3 * 16 * 16 + 2 * 16 * 24))
})

test("names of nothing, of everything, and both settings at once are refused", () => {
  const adapters = { kind: "lora", rank: 2, alpha: 2, on: ["q_proj"] } as const
  const cases: ReadonlyArray<readonly [TrainedPartOptions, string]> = [
    [
      { frozen: ["embeddings"] },
      '"embeddings" names no parameter of llama; expected embedding, head, or a pattern with * for any text',
    ],
    [{ frozen: ["*"] }, '["*"] names every parameter, so nothing is left to train'],
    [{ frozen: ["head"], adapters: { ...adapters, on: ["q_proj"] } }, "it is set beside adapters"],
  ]
  for (const [options, message] of cases) expect(() => trainedPart(untied, options)).toThrow(message)
})
