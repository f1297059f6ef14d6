import { expect, test } from "bun:test"
import { type Problem, rowsAhead, type Seen } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { checkHead, instanceOf } from "@winnow/testing"
import { next } from "./index.ts"

for (const ahead of [1, 2, 3]) test(`keeps the laws, ${ahead} ahead`, () => checkHead(next({ ahead })))

/** Two sequences of tokens 0..5 and 0..2, the first with a prompt of 3, in a batch of 5 positions. */
const problem: Problem = {
  ...{ B: 2, T: 5, tokens: 7 },
  ids_BT: Int32Array.of(0, 1, 2, 3, 4, 0, 1, 0, 0, 0),
  length_B: Int32Array.of(5, 2),
  row_N: Int32Array.of(2, 3, 4, 5, 6),
  gold_N: Int32Array.of(3, 4, 5, 1, 2),
  sequence_N: Int32Array.of(0, 0, 0, 1, 1),
  position_N: Int32Array.of(3, 4, 5, 1, 2),
}

test("each row has the hidden state of one position earlier; prompts are read, a sequence's first token has none", () => {
  const { at_M, row_M } = rowsAhead(problem, 1)
  expect([...at_M]).toEqual([0, 1, 2, 4])
  // Token 3 from position 1 of the prompt; token 2 of the second sequence from its position 0, not from the first
  // sequence.
  expect([...row_M]).toEqual([1, 2, 3, 5])
  expect([...rowsAhead(problem, 3).at_M]).toEqual([1, 2])
  expect([...rowsAhead(problem, 5).at_M]).toEqual([])
})

test("begins as the target's own head on its hidden states: the block adds nothing yet", async () => {
  const [D, V] = [4, 7]
  const { parameters, rows } = (await instanceOf(next())).on({ hiddenSize: D, vocabularySize: V })
  expect([...parameters.values()].map(({ init }) => init.kind)).toEqual(["zeros", "zeros", "target head"])
  tf.tidy(() => {
    const values = new Map(
      Array.from(parameters, ([name, { shape }]) => [name, tf.variable(tf.zeros([...shape]))] as const),
    )
    const targetHidden = tf.reshape(tf.range(0, 2 * 5 * D), [2, 5, D]) as tf.Tensor3D
    const [entry] = rows(values, problem, { targetHidden } as Seen) // it reads no other
    const flat = tf.reshape(targetHidden, [-1, D])
    expect([...entry!.h_Md.dataSync()]).toEqual([...tf.gather(flat, tf.tensor1d([1, 2, 3, 5], "int32")).dataSync()])
    tf.dispose([...values.values()])
  })
})

test("options: at least one token ahead, and no other", async () => {
  await expect(instanceOf(next({ ahead: 0 }))).rejects.toThrow("head next: ahead must be at least 1 (was 0)")
  await expect(instanceOf(next.use({ further: 2 }))).rejects.toThrow("head next: further must be removed")
})
