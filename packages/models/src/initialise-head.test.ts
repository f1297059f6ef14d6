/** The first values of a head's parameters. */
import { expect, test } from "bun:test"
import { defineHead, type HeadParameter } from "@winnow/core"
import { llama } from "@winnow/model-llama"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { Effect } from "effect"
import { initialise, initialiseHead } from "./index.ts"

const size = {
  vocab_size: 32,
  hidden_size: 16,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  max_position_embeddings: 16,
}
const target = initialise(await Effect.runPromise(llama(size).instance), 3)

const headOf = (parameters: Record<string, HeadParameter>) =>
  Effect.runPromise(
    defineHead({
      name: "begun",
      reads: [],
      options: type({ "+": "reject" }),
      make: () => ({ parameters: new Map(Object.entries(parameters)), rows: () => [] }),
    })().instance,
  )

/** Numbers everywhere in the memory that the next tensors are given. */
const dirty = () => {
  for (let i = 0; i < 20; i++) tf.tidy(() => tf.mul(tf.fill([16, 40], 1e30), 1).dataSync())
}

test("an identity has 1 where row and column are the same and 0 elsewhere, wide and tall", async () => {
  const head = await headOf({
    wide: { shape: [16, 40], init: { kind: "identity" } },
    tall: { shape: [5, 3], init: { kind: "identity" } },
  })
  const before = tf.memory().numTensors
  for (let i = 0; i < 5; i++) {
    dirty()
    const made = initialiseHead(head, target, 1)
    for (const variable of made.parameters.values()) {
      const columns = variable.shape[1]!
      for (const [at, x] of variable.dataSync().entries())
        expect(x).toBe(Math.floor(at / columns) === at % columns ? 1 : 0)
    }
    made.dispose()
  }
  expect(tf.memory().numTensors).toBe(before)
})

test("copies of the target's head and of another parameter are the head's own", async () => {
  const name = "model.layers.0.self_attn.o_proj.weight"
  const head = await headOf({
    vocabulary: { shape: [32, 16], init: { kind: "target head" } },
    output: { shape: [16, 16], init: { kind: "target parameter", name } },
  })
  const made = initialiseHead(head, target, 1)
  const [vocabulary, output] = [made.parameters.get("vocabulary")!, made.parameters.get("output")!]
  const own = { vocabulary: target.head_Vd.dataSync().slice(), output: target.parameters.get(name)!.dataSync().slice() }
  expect(vocabulary.dataSync()).toEqual(own.vocabulary)
  expect(output.dataSync()).toEqual(own.output)
  for (const variable of made.parameters.values()) tf.tidy(() => variable.assign(tf.zeros(variable.shape)))
  expect(target.head_Vd.dataSync()).toEqual(own.vocabulary)
  expect(target.parameters.get(name)!.dataSync()).toEqual(own.output)
  made.dispose()
})

test("a parameter that begins as one that the target does not have, or of another shape, is refused", async () => {
  const of = async (shape: ReadonlyArray<number>, name: string) =>
    initialiseHead(await headOf({ copy: { shape, init: { kind: "target parameter", name } } }), target, 1)
  await expect(of([16, 16], "model.layers.9.x")).rejects.toThrow("the target's model.layers.9.x, which is not there")
  await expect(of([16, 8], "model.norm.weight")).rejects.toThrow(
    "copy [16,8] begins as the target's model.norm.weight, which is [16]",
  )
})
