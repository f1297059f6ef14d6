/** The rows of an encoder that is asked by masks: those of the judge, for padded and packed batches. */
import { expect, test } from "bun:test"
import { askedByMasks, type Encoder, type Problem, packedRows, problemTexts } from "@winnow/core"
import { collate } from "@winnow/data"
import { initialise, maskedJudge } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { bothWays } from "@winnow/testing"
import { Effect } from "effect"
import { frozenRows } from "./micro-batch.ts"

const V = 40
const maskId = V - 1
const sizes = { vocab_size: V, width: 16, depth: 2, heads: 2, length: 24, std: 0.4 }
const rng = seeded(3, "texts")
const examples = [5, 12, 2, 9].map((length, i) => ({
  ids: Int32Array.from({ length }, () => rng.below(V - 1)),
  promptLength: [2, 0, 1, 8][i]!,
}))
const model: Encoder = initialise(await Effect.runPromise(bothWays(sizes).instance), 5)

/** -log p(gold) of each row. */
const nllOf = (of: Encoder, problem: ReturnType<typeof collate>) =>
  tf.tidy(() => {
    const { B, T, ids_BT, row_N, gold_N } = problem
    const rows = frozenRows(of, problem, tf.tensor2d(ids_BT, [B, T], "int32"), tf.tensor1d(row_N, "int32"))
    const logits_NV = tf.matMul(rows.h_Nd as tf.Tensor2D, rows.head_Vd as tf.Tensor2D, false, true)
    const gold = tf.sum(tf.mul(logits_NV, tf.oneHot(tf.tensor1d(gold_N, "int32"), V)), 1)
    return Array.from(tf.sub(tf.logSumExp(logits_NV, 1), gold).dataSync())
  })

const expected = (problem: Problem, every: number) => {
  const judge = maskedJudge(model, { maskId, every })
  const textOf = problemTexts(problem)
  return Array.from(problem.sequence_N, (sequence, n) => judge.nll(textOf(sequence))[problem.position_N[n]!]!)
}

test.each([2, 3, 7])("every %d: the rows tell each gold token as the judge does, none but it masked out", (every) => {
  const problem = collate(examples)
  const before = tf.memory().numTensors
  const found = nllOf(askedByMasks(model, { maskId, every }), problem)
  expect(tf.memory().numTensors).toBe(before)
  expect(found).toHaveLength(problem.gold_N.length)
  for (const [n, nll] of expected(problem, every).entries()) expect(found[n]).toBeCloseTo(nll, 4)
  const packed = packedRows(problem, 0) as typeof problem
  expect(packed.B).toBeLessThan(problem.B)
  const asPacked = nllOf(askedByMasks(model, { maskId, every }), packed)
  for (const [n, nll] of expected(packed, every).entries()) expect(asPacked[n]).toBeCloseTo(nll, 4)
})

test("the tokens behind a token count, the token itself does not", () => {
  const problem = collate(examples.slice(1, 2))
  const asked = askedByMasks(model, { maskId, every: 4 })
  const found = nllOf(asked, problem)
  const changed = { ...problem, ids_BT: problem.ids_BT.slice(), gold_N: problem.gold_N.slice() }
  // the last token, in no input of the next token
  changed.gold_N[changed.gold_N.length - 1] = (changed.gold_N.at(-1)! + 1) % (V - 1)
  const other = nllOf(asked, changed)
  expect(other[0]).not.toBe(found[0]!)
  expect(asked.architecture.trunkFlops(24)).toBe(4 * model.architecture.trunkFlops(24))
  expect(asked.head_Vd).toBe(model.head_Vd)
})

test("a mask outside the vocabulary and a text beyond the context are refused", () => {
  const problem = collate(examples)
  expect(() => nllOf(askedByMasks(model, { maskId: V, every: 3 }), problem)).toThrow("maskId is 40")
  const long = collate([{ ids: Int32Array.from({ length: 25 }, () => 1), promptLength: 0 }])
  expect(() => nllOf(askedByMasks(model, { maskId, every: 3 }), long)).toThrow("a text has 25 tokens")
})
