/** Tokens drawn for all rows at once: those that each row's own distribution gives. */
import { expect, test } from "bun:test"
import { asDecoder, type Sampling } from "@winnow/core"
import { llama } from "@winnow/model-llama"
import { initialise, modelOfIds } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import { draw } from "./sampling.ts"
import { distributionsAfter, drawsAfter } from "./what-follows.ts"

const V = 9001
const architecture = Effect.runSync(
  llama({
    ...{ vocab_size: V, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 16 },
    ...{ max_position_embeddings: 16, initializer_range: 0.8 },
  }).instance,
)
const B = 7
const ids_BT = Int32Array.from({ length: B * 3 }, (_, i) => (i * 911) % V)

for (const sampling of [{ temperature: 1 }, { temperature: 0.3 }, { temperature: 1.2, topK: 9 }] as Array<Sampling>)
  test(`draws of ${JSON.stringify(sampling)} are those of each row's distribution, and skip rows without a number`, () => {
    const model = initialise(architecture, 3)
    const rng = seeded(5, "draws")
    const before = tf.memory().numTensors
    for (let round = 0; round < 20; round++) {
      const u_B = Float64Array.from({ length: B }, (_, b) => (b === round % B ? -1 : rng.uniform()))
      if (round === 19) u_B.set([0, 1 - 2 ** -53])
      const [one, other] = [model.decoding(), model.decoding()]
      const drawn = drawsAfter(model, one, ids_BT, B, sampling, u_B)
      const p = distributionsAfter(model, other, ids_BT, B, 1, sampling)
      for (const [b, u] of u_B.entries()) if (u >= 0) expect(drawn[b]).toBe(draw(p.at(b)!, u))
      for (const state of [one, other]) state.dispose()
    }
    expect(tf.memory().numTensors).toBe(before)
    model.dispose()
  })

test("a head of some ids draws its own ids", () => {
  const whole = initialise(architecture, 3)
  const part = asDecoder(modelOfIds(whole, Int32Array.of(4, 700, 9000)), "the part")
  const u_B = Float64Array.from({ length: B }, (_, b) => (b + 0.5) / B)
  const [one, other] = [part.decoding(), part.decoding()]
  const drawn = [...Array.from(drawsAfter(part, one, ids_BT, B, { temperature: 2 }, u_B))]
  const p = distributionsAfter(part, other, ids_BT, B, 1, { temperature: 2 })
  expect(drawn).toEqual(Array.from(u_B, (u, b) => draw(p.at(b)!, u)))
  expect(drawn.every((id) => [4, 700, 9000].includes(id))).toBe(true)
  for (const owned of [one, other, part, whole]) owned.dispose()
})

test("a row without a distribution is refused by name, also among others", () => {
  const model = initialise(architecture, 3)
  const head = model.head_Vd
  tf.tidy(() => head.assign(tf.mul(head, Number.NaN)))
  const state = model.decoding()
  const u_B = new Float64Array(B).fill(0.5)
  expect(() => drawsAfter(model, state, ids_BT, B, { temperature: 1 }, u_B)).toThrow("check the model's weights")
  state.dispose()
  model.dispose()
})
