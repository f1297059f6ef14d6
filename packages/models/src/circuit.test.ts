/** Circuits: both interpreters give the same numbers, in training's form, in decoding and after roll-backs. */
import { afterAll, expect, test } from "bun:test"
import { normals, seeded } from "@winnow/numerics"
import { native, tf } from "@winnow/tensor"
import { instanceOf, oneWay } from "@winnow/testing"
import { type Circuit, targetWeights } from "./circuit.ts"
import { passWeightsOf, plainCircuit } from "./circuit-decoding.ts"
import type { CircuitDecoding } from "./circuit-state.ts"
import { runCircuit } from "./circuit-tensors.ts"
import { initialise } from "./initialise.ts"
import { nativeCircuit } from "./native-circuit.ts"

const [V, D, h, N] = [19, 16, 8, 12]
const target = initialise(await instanceOf(oneWay({ vocab_size: V, width: D, depth: 1, heads: 2, length: 64 })), 3)
const shapes: Readonly<Record<string, ReadonlyArray<number>>> = {
  "fc.weight": [D, 3 * D],
  "fc.bias": [D],
  "norm.weight": [D],
  "qkv.weight": [(2 + 2) * h, D],
  "o.weight": [D, 2 * h],
  "gate.weight": [24, D],
  "up.weight": [24, D],
  "down.weight": [D, 24],
  "turn.weight": [D, D],
  "vocabulary.weight": [7, D],
}
const parameters = new Map(
  Object.entries(shapes).map(([name, shape]) => {
    const values = normals(
      shape.reduce((a, b) => a * b, 1),
      0.4,
      seeded(1, name),
    )
    return [name, tf.tidy(() => tf.variable(tf.tensor(values, [...shape])))] as const
  }),
)
afterAll(() => {
  tf.dispose([...parameters.values()])
  target.dispose()
})
const weights = { parameters, target }

/** Two tokens and a state a row, a layer that attends, and a residual block beside it. */
const circuit: Circuit = {
  inputs: new Map([
    ["state", D],
    ["other", 3],
  ]),
  tokens: new Map([
    ["first", D],
    ["second", D],
  ]),
  instructions: [
    { op: "concat", from: ["first", "state", "second"], to: "wide" },
    { op: "linear", from: "wide", to: "x", of: [{ weight: "fc.weight", bias: "fc.bias" }] },
    { op: "norm", kind: "rms", from: "x", to: "normed", scale: "norm.weight", eps: 1e-5 },
    { op: "linear", from: "normed", to: "packed", of: [{ weight: "qkv.weight" }] },
    { op: "attend", from: "packed", to: "context" },
    { op: "linear", from: "context", to: "x", of: [{ weight: "o.weight" }], add: true },
    { op: "gate", from: "x", to: "fed", gate: { weight: "gate.weight" }, up: { weight: "up.weight" } },
    { op: "linear", from: "fed", to: "x", of: [{ weight: "down.weight" }], add: true },
    { op: "concat", from: ["x"], to: "y" },
    { op: "linear", from: "x", to: "y", of: [{ weight: "turn.weight" }], activation: "silu", add: true },
    { op: "concat", from: ["y", "other"], to: "both" },
  ],
  outputs: ["y", "both"],
  attention: {
    heads: { heads: 2, kvHeads: 1, headSize: h, order: "kinds" },
    rotary: { rotated: h, theta: 10_000 },
    maxLength: 32,
  },
}

const rng = seeded(2, "rows")
const state = normals(N * D, 1, rng)
const other = normals(N * 3, 1, rng)
const ids = [0, 1].map(() => Int32Array.from({ length: N }, () => rng.below(V)))
/** Rows `from` to `to` of the inputs. */
const rows = (from: number, to: number) => ({
  inputs: new Map([
    ["state", state.subarray(from * D, to * D)],
    ["other", other.subarray(from * 3, to * 3)],
  ]),
  ids: ids.map((list) => list.subarray(from, to)),
})

/** All rows as tensors of the caller's tidy. */
const tensorRows = () => ({
  inputs: new Map([
    ["state", tf.tensor2d(state, [N, D])],
    ["other", tf.tensor2d(other, [N, 3])],
  ]),
  ids: ids.map((list) => tf.tensor1d(list, "int32")),
})

const expected = new Map<string, Float32Array>()
tf.tidy(() => {
  for (const [slot, x] of runCircuit(circuit, passWeightsOf(weights), tensorRows(), { B: 1, T: N }))
    expected.set(slot, x.dataSync().slice() as Float32Array)
})

const expectNear = (found: Float32Array, values: Float32Array) => {
  expect(found.length).toBe(values.length)
  expect(found.reduce((most, x, i) => Math.max(most, Math.abs(x - values[i]!)), 0)).toBeLessThan(1e-4)
}

const states: Readonly<Record<string, () => CircuitDecoding>> = {
  "by tensors": () => plainCircuit(circuit, weights),
  ...(native() && { natively: () => nativeCircuit(circuit, weights) }),
}
for (const [how, start] of Object.entries(states))
  test(`${how}: rows in pieces, with roll-backs, are those of one pass`, () => {
    const before = tf.memory().numTensors
    const decoding = start()
    for (const [from, to] of [
      [0, 5],
      [5, 9],
      [7, 8],
      [8, 12],
    ] as const) {
      decoding.rollback(from)
      decoding.extend(rows(from, to))
      expect(decoding.length).toBe(to)
      expectNear(decoding.states("y"), expected.get("y")!.subarray(from * D, to * D))
      expectNear(decoding.states("both"), expected.get("both")!.subarray(from * (D + 3), to * (D + 3)))
      for (const [head, values] of [
        ["vocabulary.weight", parameters.get("vocabulary.weight")!],
        [targetWeights.head, target.head_Vd],
      ] as const) {
        const U = values.shape[0]!
        const table = values.dataSync()
        const logits = decoding.logits("y", head, 1).row(0)
        const y = expected.get("y")!.subarray((to - 1) * D, to * D)
        const own = Float32Array.from({ length: U }, (_, u) => y.reduce((sum, x, i) => sum + x * table[u * D + i]!, 0))
        expectNear(logits, own)
        expect(decoding.greedy("y", head, Math.min(2, to - from)).at(-1)).toBe(own.indexOf(Math.max(...own)))
      }
    }
    expect(() => decoding.rollback(13)).toThrow("cannot roll back to length 13: the cache holds 12 positions")
    expect(() => decoding.extend({ inputs: new Map([["state", state]]) })).toThrow("a circuit's input other is missing")
    decoding.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })

test("gradients by every parameter agree with finite differences", () => {
  const loss = () =>
    tf.tidy(() => {
      const y = runCircuit(circuit, passWeightsOf(weights), tensorRows(), { B: 2, T: N / 2 }).get("y")!
      return tf.mean(tf.square(y)) as tf.Scalar
    })
  const read = [...parameters].filter(([name]) => name !== "vocabulary.weight")
  const { value, grads } = tf.variableGrads(
    loss,
    read.map(([, variable]) => variable),
  )
  for (const [name, variable] of read) {
    const start = variable.dataSync().slice() as Float32Array
    const direction = normals(start.length, 1 / Math.sqrt(start.length), seeded(3, name))
    const at = (by: number) => {
      tf.tidy(() =>
        variable.assign(
          tf.tensor(
            start.map((x, i) => x + by * direction[i]!),
            variable.shape,
          ),
        ),
      )
      const scalar = loss()
      const found = scalar.dataSync()[0]!
      scalar.dispose()
      return found
    }
    const slope = (at(1e-2) - at(-1e-2)) / 2e-2
    tf.tidy(() => variable.assign(tf.tensor(start, variable.shape)))
    const along = (grads[variable.name]!.dataSync() as Float32Array).reduce((sum, g, i) => sum + g * direction[i]!, 0)
    expect(Math.abs(along - slope), name).toBeLessThan(2e-3 + 0.02 * Math.abs(slope))
  }
  tf.dispose([value, ...Object.values(grads)])
})
