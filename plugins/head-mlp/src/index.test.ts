import { expect, test } from "bun:test"
import { defineVariable, type Problem, type Seen } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { checkHead, instanceOf } from "@winnow/testing"
import { type } from "arktype"
import { bracketDepth, capital, distanceToEnd, linePosition, mlp, targetLoss } from "./index.ts"

for (const [name, head] of Object.entries({
  "two layers": mlp({ variable: capital(), width: 7 }),
  "a linear probe": mlp({ variable: capital(), layers: 0 }),
  "the states of a layer": mlp({ variable: capital(), width: 7, layer: 1 }),
  "a number in bins": mlp({ variable: linePosition(), width: 5, bins: 4 }),
  "a variable that looks ahead": mlp({ variable: distanceToEnd({ longest: 8 }), width: 5, bins: 4 }),
  "the target's loss": mlp({ variable: targetLoss(), width: 5, bins: 4 }),
  "the previous value beside the state": mlp({ variable: bracketDepth(), width: 5, previous: true }),
}))
  test(`keeps the laws: ${name}`, () => checkHead(head))

/** Tokens 0..5 with a prompt of 2, and 1 2. */
const problem: Problem = {
  ...{ B: 2, T: 5, tokens: 6 },
  ids_BT: Int32Array.of(0, 1, 2, 3, 4, 1, 0, 0, 0, 0),
  length_B: Int32Array.of(5, 1),
  row_N: Int32Array.of(1, 2, 3, 4, 5),
  gold_N: Int32Array.of(2, 3, 4, 5, 2),
  sequence_N: Int32Array.of(0, 0, 0, 0, 1),
  position_N: Int32Array.of(2, 3, 4, 5, 1),
}
const D = 3
const head_VD = Array.from({ length: 6 * D }, (_, i) => Math.cos(i) / 4)

/** The entry of a head for the problem, and the number of its parameters' rows. */
const entryOf = async (use: ReturnType<typeof mlp>) => {
  const { parameters, rows, classes } = (await instanceOf(use)).on({ hiddenSize: D, vocabularySize: 6 })
  const seen: Pick<Seen, "ids" | "targetHidden" | "targetLayers" | "targetHead" | "pieceOf"> = {
    ids: tf.zeros([2, 5], "int32"),
    targetHidden: tf.reshape(tf.range(1, 2 * 5 * D + 1), [2, 5, D]) as tf.Tensor3D,
    // One column less, as of a target whose head has a bias.
    targetLayers: new Map([[0, tf.ones([2, 5, D - 1]) as tf.Tensor3D]]),
    targetHead: tf.tensor2d(head_VD, [6, D]),
    pieceOf: (id) => "ab(c)e"[id]!,
  }
  const values = new Map(
    Array.from(parameters, ([name, { shape }]) => {
      // Row r of a matrix is r everywhere.
      const rows = tf.mul(tf.ones([...shape]), tf.reshape(tf.range(0, shape[0]!), [-1, 1]))
      return [name, tf.tidy(() => tf.variable(tf.clone(rows)))] as const
    }),
  )
  const [entry] = rows(values, problem, seen as Seen)
  const h = [...entry!.h_Md.dataSync()]
  tf.dispose([...values.values(), seen.ids, seen.targetHidden, seen.targetHead, ...seen.targetLayers.values()])
  return { ...entry!, h, count: classes, shapes: new Map([...parameters].map(([name, { shape }]) => [name, shape])) }
}

test("a row predicts its token's class from the state before it, divided by its root mean square", async () => {
  const { h, at_M, classes, count, shapes } = await entryOf(mlp({ variable: bracketDepth({ deepest: 2 }), layers: 0 }))
  // Depth before "(", "c", ")", "e" and "(".
  expect([...classes!.gold_M]).toEqual([0, 1, 1, 0, 0])
  expect([...at_M!]).toEqual([0, 1, 2, 3, 4])
  expect([count, shapes.get("classes.weight")]).toEqual([3, [3, D + 1]])
  // Position 1 holds 4, 5, 6; the last column is the bias's.
  const rms = Math.sqrt((16 + 25 + 36) / 3)
  for (const [i, x] of [4 / rms, 5 / rms, 6 / rms, 1].entries()) expect(h[i]).toBeCloseTo(x, 5)
})

test("a layer is named by its number; the embedding is layer 0", async () => {
  const { h } = await entryOf(mlp({ variable: capital(), layers: 0, layer: 0 }))
  expect(h.slice(0, 4).map((x) => x.toFixed(4))).toEqual(["1.0000", "1.0000", "0.0000", "1.0000"])
  const ahead = await instanceOf(mlp({ variable: capital(), layer: 3 }))
  expect(() => ahead.on({ hiddenSize: D, vocabularySize: 6, layers: 3 })).toThrow("reads the states of layer 3")
})

test("a number is cut into bins of equal width, with their middles and the exact numbers", async () => {
  const { classes } = await entryOf(mlp({ variable: distanceToEnd({ longest: 4 }), layers: 0, bins: 2 }))
  expect([...classes!.gold_M]).toEqual([1, 1, 0, 0, 0])
  expect([...classes!.numbers!.middle_C]).toEqual([1, 3])
  expect([...classes!.numbers!.exact_M]).toEqual([3, 2, 1, 0, 0])
})

test("the previous value is that of the token before, from the prompt too", async () => {
  const { h, classes, at_M } = await entryOf(mlp({ variable: bracketDepth(), layers: 0, previous: true }))
  // Rows 1 to 3: the depth before "b(" is 0, before "c" 1, before ")" 1; a table's row for a class follows that for none.
  const width = D + 16 + 1
  expect([...at_M!].map((_, m) => h[m * width + D])).toEqual([...classes!.gold_M].map((_, m) => [1, 1, 2, 2, 1][m]))
})

test("the target's loss at a row is that of its own token, by the target's head on the state before", async () => {
  const { classes } = await entryOf(mlp({ variable: targetLoss({ most: 40 }), layers: 0, bins: 8 }))
  const expected = Array.from(problem.row_N, (row, n) => {
    const logits = Array.from({ length: 6 }, (_, v) =>
      Array.from({ length: D }, (_, i) => head_VD[v * D + i]! * (row * D + i + 1)).reduce((a, b) => a + b),
    )
    return Math.log(logits.reduce((sum, z) => sum + Math.exp(z), 0)) - logits[problem.gold_N[n]!]!
  })
  for (const [n, loss] of expected.entries()) expect(classes!.numbers!.exact_M[n]!).toBeCloseTo(loss, 4)
  expect([...classes!.gold_M]).toEqual(expected.map((loss) => Math.min(7, Math.floor(loss / 5))))
})

test("rows without a value are left out; a batch without any is refused", async () => {
  const late = (from: number) =>
    defineVariable({
      name: "late",
      classes: 2,
      options: type({ "+": "reject" }),
      make:
        () =>
        ({ ids }) =>
          Array.from(ids, (_, t) => (t > from ? 1 : Number.NaN)),
    })()
  const { at_M, classes } = await entryOf(mlp({ variable: late(3), layers: 0 }))
  expect([[...at_M!], [...classes!.gold_M]]).toEqual([
    [2, 3],
    [1, 1],
  ])
  await expect(entryOf(mlp({ variable: late(9) }))).rejects.toThrow(
    "variable late: has no value at any of the 5 tokens",
  )
})

test("options: a variable is named, and its past must be known", async () => {
  const sizes = { hiddenSize: D, vocabularySize: 6 }
  await expect(instanceOf(mlp.use({}))).rejects.toThrow("variable must be")
  const ahead = await instanceOf(mlp({ variable: distanceToEnd(), previous: true }))
  expect(() => ahead.on(sizes)).toThrow("its value depends on later tokens")
})
