/** The values that a head reads are the frozen target's own. */
import { expect, test } from "bun:test"
import { defineHead, type ModelUse, nextTokenProblem, type SeenName } from "@winnow/core"
import { llama } from "@winnow/model-llama"
import { phi } from "@winnow/model-phi"
import { embedding, hiddenByLayer, initialise, initialiseHead } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { Effect } from "effect"
import { seenBy } from "./draft-entries.ts"

const size = {
  vocab_size: 32,
  hidden_size: 16,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  max_position_embeddings: 16,
}
const families: ReadonlyArray<readonly [name: string, use: ModelUse]> = [
  ["llama", llama(size)],
  ["llama with tied embeddings", llama({ ...size, tie_word_embeddings: true })],
  ["phi, whose head has a bias", phi(size)],
]

const headOf = (reads: ReadonlyArray<SeenName>, layers?: ReadonlyArray<number>) =>
  Effect.runPromise(
    defineHead({
      name: "reader",
      reads,
      options: type({ "+": "reject" }),
      make: () => ({ parameters: new Map(), ...(layers && { layers }), rows: () => [] }),
    })().instance,
  )

const rng = seeded(1, "seen")
const problem = nextTokenProblem(
  [7, 4].map((length) => ({ ids: Int32Array.from({ length }, () => rng.below(32)), promptLength: 1 })),
  0,
)

for (const [name, use] of families)
  test(`${name}: states, rows of the embedding, the final norm and the head are the target's`, async () => {
    const target = initialise(await Effect.runPromise(use.instance), 3)
    const all = ["targetHidden", "targetLayers", "targetEmbedding", "targetHead", "targetNorm"] as const
    const head = initialiseHead(await headOf(all, [2, 0]), target, 1)
    const before = tf.memory().numTensors
    tf.tidy(() => {
      const ids = tf.tensor2d(problem.ids_BT, [problem.B, problem.T], "int32")
      const seen = seenBy(head, problem, ids)
      expect(seen.targetHidden!.dataSync()).toEqual(target.hidden(ids).dataSync())
      const states = hiddenByLayer(target, ids)
      expect([...seen.targetLayers!.keys()]).toEqual([2, 0])
      for (const [layer, state] of seen.targetLayers!) expect(state.dataSync()).toEqual(states[layer]!.dataSync())
      const flat = (x: tf.Tensor) => tf.reshape(x, [-1, x.shape.at(-1)!]) as tf.Tensor2D
      const e_Nd = embedding(seen.targetEmbedding!, tf.reshape(ids, [-1]))
      expect(e_Nd.dataSync()).toEqual(flat(states[0]!).dataSync())
      expect(seen.targetHead!.dataSync()).toEqual(target.head_Vd.dataSync())
      // The column of the head's bias is 1.
      const [one, D] = [seen.targetNorm!(flat(states[1]!)), target.architecture.hiddenSize]
      expect(one.shape[1]).toBe(D)
      if (D > 16) expect([...tf.slice(one, [0, 16], [-1, 1]).dataSync()].every((x) => x === 1)).toBe(true)
    })
    expect(tf.memory().numTensors).toBe(before)
    head.dispose()
    target.dispose()
  })

test("the final norm of the last layer's output is the hidden state; the target runs once for both", async () => {
  const whole = initialise(await Effect.runPromise(llama(size).instance), 3)
  // One layer more, whose result is not read: its input is the last layer's output of the smaller model.
  const target = initialise(await Effect.runPromise(llama({ ...size, num_hidden_layers: 4 }).instance), 3)
  const head = initialiseHead(await headOf(["targetLayers", "targetNorm"], [3]), target, 1)
  const parameters = [...whole.parameters.keys()]
  for (const name of parameters) whole.parameters.get(name)!.assign(target.parameters.get(name)!)
  tf.tidy(() => {
    const ids = tf.tensor2d(problem.ids_BT, [problem.B, problem.T], "int32")
    const seen = seenBy(head, problem, ids)
    const x_Nd = tf.reshape(seen.targetLayers!.get(3)!, [-1, 16]) as tf.Tensor2D
    expect(seen.targetNorm!(x_Nd).dataSync()).toEqual(whole.hidden(ids).dataSync())
    // The pass that gave the layers gave the last state: a loss against the target does not run it again.
    expect(seen.targetHidden!.dataSync()).toEqual(target.hidden(ids).dataSync())
  })
  head.dispose()
  for (const model of [whole, target]) model.dispose()
})
