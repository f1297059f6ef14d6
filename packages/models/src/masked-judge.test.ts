/** The judge's scores are those of an encoder that sees all other tokens, by the definition. */
import { afterAll, expect, test } from "bun:test"
import { modernbert } from "@winnow/model-modernbert"
import { logSoftmax, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import { initialise } from "./initialise.ts"
import { maskedJudge, maskedJudgeFlops } from "./masked-judge.ts"
import { logitsOf } from "./model.ts"

const V = 23
const MASK = 22
const architecture = Effect.runSync(
  modernbert({
    ...{ vocab_size: V, hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 24 },
    ...{ max_position_embeddings: 300, initializer_range: 0.3 },
  }).instance,
)
const encoder = initialise(architecture, 4)
afterAll(() => encoder.dispose())
const rng = seeded(2, "texts")
const textOf = (T: number) => Int32Array.from({ length: T }, () => rng.below(V - 1))

/** One pass for each masked token: with every `every`-th other masked, all logits in double. */
const byDefinition = (text: Int32Array, every: number) =>
  Array.from(text, (id, t) => {
    const masked = text.map((other, i) => (i % every === t % every ? MASK : other))
    const logits = tf.tidy(() => logitsOf(encoder, tf.tensor2d([[...masked]], undefined, "int32")).dataSync())
    return -logSoftmax(Float64Array.from(logits.subarray(t * V, (t + 1) * V)))[id]!
  })

for (const [T, every] of [
  [1, 7],
  [5, 7],
  [20, 7],
  [9, 2],
  [150, 7], // more than a chunk of rows
] as const)
  test(`a text of ${T} tokens, one of ${every} masked`, () => {
    const before = tf.memory().numTensors
    const text = textOf(T)
    const judge = maskedJudge(encoder, { maskId: MASK, every })
    const nll_T = judge.nll(text)
    expect(nll_T.length).toBe(T)
    for (const [t, nll] of byDefinition(text, Math.min(every, T)).entries()) expect(nll_T[t]).toBeCloseTo(nll, 4)
    expect(tf.memory().numTensors).toBe(before)
  })

test("it remembers texts, up to a number of tokens", () => {
  const [a, b] = [textOf(8), textOf(9)]
  const judge = maskedJudge(encoder, { maskId: MASK, remember: 10 })
  const [first, second] = [judge.nll(a), judge.nll(b)]
  expect(judge.nll(a.slice())).toBe(first)
  expect(judge.nll(b)).not.toBe(second)
  expect(judge.nll(b)).toEqual(second)
})

test("both sides count: a change after a token changes its score", () => {
  const judge = maskedJudge(encoder, { maskId: MASK })
  const text = textOf(12)
  const other = text.with(11, (text[11]! + 1) % (V - 1))
  expect(judge.nll(text)[3]).not.toBe(judge.nll(other)[3]!)
})

test("settings and texts that cannot be are refused", () => {
  expect(() => maskedJudge(encoder, { maskId: V })).toThrow("maskId is 23; expected an id below 23")
  expect(() => maskedJudge(encoder, { maskId: MASK, every: 1 })).toThrow("every is 1; expected an integer from 2")
  const judge = maskedJudge(encoder, { maskId: MASK })
  expect(() => judge.nll(new Int32Array(301))).toThrow("a text of 301 tokens; its context takes 1 to 300")
  expect(() => judge.nll(new Int32Array(0))).toThrow("a text of 0 tokens")
  expect(() => judge.nll(Int32Array.of(1, 30))).toThrow("token 30; its vocabulary has 23 ids")
})

test("its FLOPs are those of its passes: a trunk over every token of each, the head at each token once", () => {
  const head = 2 * architecture.hiddenSize * V
  expect(maskedJudgeFlops(architecture)(20)).toBe(7 * 20 * architecture.trunkFlops(20) + 20 * head)
  expect(maskedJudgeFlops(architecture, { every: 30 })(5)).toBe(5 * 5 * architecture.trunkFlops(5) + 5 * head)
})
