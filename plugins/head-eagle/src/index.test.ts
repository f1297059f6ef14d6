import { expect, test } from "bun:test"
import { type Problem, packedRows, rowsAhead, type Seen, type TargetSizes } from "@winnow/core"
import { llama } from "@winnow/model-llama"
import { initialise, plainCircuit, startCircuit } from "@winnow/models"
import { normals, seeded } from "@winnow/numerics"
import { tf, withoutNative } from "@winnow/tensor"
import { checkHead, instanceOf } from "@winnow/testing"
import { eagle } from "./index.ts"
import { slots, stepCircuit } from "./layer.ts"
import { options } from "./options.ts"
import { smoothL1 } from "./rows.ts"
import { sizesOf } from "./sizes.ts"
import { slowChain } from "./slow.fixture.ts"

test("keeps the laws", () => checkHead(eagle()))
test("keeps the laws, with the features' loss and grouped heads", () =>
  checkHead(eagle({ feature: 10, num_attention_heads: 2, num_key_value_heads: 1, head_dim: 4 })))
test("keeps the laws, three steps", () => checkHead(eagle({ steps: 3, feature: 1 })))
test("keeps the laws, with a private part", () => checkHead(eagle({ steps: 2, private: { size: 3 } })))
test("keeps the laws, EAGLE-3's form", () => checkHead(eagle({ form: "eagle3", steps: 2, taps: [1, 3, 5] })))

const [d, V] = [8, 11]
const target: TargetSizes = {
  ...{ hiddenSize: d, vocabularySize: V, layers: 6, maxLength: 32 },
  attentionHeads: { heads: 2, kvHeads: 1, headSize: 4 },
}
const rng = seeded(1, "eagle")

/** Two sequences of 7 and 4 tokens, the first with a prompt of 3. */
const lengths = [7, 4] as const
const prompts = [3, 1] as const
const [B, T] = [2, 6]
const sequence = lengths.map((length) => Int32Array.from({ length }, () => rng.below(V)))
const rowsOf = lengths.flatMap((length, b) =>
  Array.from({ length: length - prompts[b]! }, (_, i) => ({ b, position: prompts[b]! + i })),
)
const problem: Problem = {
  ...{ B, T, tokens: 9 },
  ids_BT: Int32Array.from({ length: B * T }, (_, n) =>
    n % T < lengths[Math.floor(n / T)]! - 1 ? sequence[Math.floor(n / T)]![n % T]! : 0,
  ),
  length_B: Int32Array.of(6, 3),
  row_N: Int32Array.from(rowsOf, ({ b, position }) => b * T + position - 1),
  gold_N: Int32Array.from(rowsOf, ({ b, position }) => sequence[b]![position]!),
  sequence_N: Int32Array.from(rowsOf, ({ b }) => b),
  position_N: Int32Array.from(rowsOf, ({ position }) => position),
}
const states = (name: string) => normals(B * T * d, 1, seeded(2, name))
const hidden = states("last")
const layers = new Map(Array.from({ length: 6 }, (_, layer) => [layer, states(`${layer}`)] as const))
const table = normals(V * d, 1, seeded(3, "table"))
const head = normals(V * d, 1, seeded(4, "head"))

const valuesOf = async (use: ReturnType<typeof eagle>) => {
  const architecture = (await instanceOf(use)).on(target)
  const values = new Map(
    Array.from(architecture.parameters, ([name, { shape }]) => [
      name,
      normals(
        shape.reduce((a, b) => a * b, 1),
        0.4,
        seeded(5, name),
      ),
    ]),
  )
  return { architecture, values }
}

/** The entries as arrays. */
const answer = (
  { architecture, values }: Awaited<ReturnType<typeof valuesOf>>,
  of: Problem = problem,
  place = (n: number) => n,
) => {
  const entries: Array<{ at_M: Array<number>; weight: number; h: Float32Array; added: Float32Array | undefined }> = []
  tf.tidy(() => {
    const variables = new Map(
      Array.from(architecture.parameters, ([name, { shape }]) => [
        name,
        tf.variable(tf.tensor(values.get(name)!, [...shape])),
      ]),
    )
    const placed = (from: Float32Array) =>
      tf.tensor3d(
        Float32Array.from({ length: of.B * of.T * d }, (_, i) => from[place(Math.floor(i / d)) * d + (i % d)]!),
        [of.B, of.T, d],
      )
    const seen = {
      targetHidden: placed(hidden),
      targetLayers: new Map(architecture.layers?.map((layer) => [layer, placed(layers.get(layer)!)])),
      targetEmbedding: tf.tensor2d(table, [V, d]),
      targetHead: tf.tensor2d(head, [V, d]),
    } as Partial<Seen> as Seen // it reads no other
    for (const { at_M, weight, h_Md, added_M } of architecture.rows(variables, of, seen))
      entries.push({
        ...{ at_M: [...at_M!], weight: weight!, h: h_Md.dataSync() as Float32Array },
        added: added_M?.dataSync() as Float32Array | undefined,
      })
    tf.dispose([...variables.values()])
  })
  return entries
}

const row = (of: Float32Array, n: number, size = d) => [...of.subarray(n * size, (n + 1) * size)]

const forms = {
  "the first form": options.assert({ steps: 3, feature: 2 }),
  "EAGLE-3's form": options.assert({ form: "eagle3", steps: 3, taps: [0, 2, 5] }),
  "with a private part": options.assert({ steps: 3, private: { size: 3 } }),
  "EAGLE-3's form with a private part": options.assert({ form: "eagle3", steps: 3, private: { size: 5 } }),
  "with a private part that no gate weighs": options.assert({
    steps: 2,
    feature: 1,
    private: { size: 3, gate: "none" },
  }),
}
for (const [name, o] of Object.entries(forms))
  for (const native of [true, false])
    test(`${name}${native ? "" : ", without native code"}: each row is that of plain loops, which go on as decoding does`, async () => {
      const made = await valuesOf(eagle(o))
      const { values, architecture } = made
      const { feature } = o
      const { sizes, layers: taps } = sizesOf(o, target)
      const entries = native ? answer(made) : withoutNative(() => answer(made))
      expect(entries.map(({ weight }) => weight)).toEqual([1, 0.8, 0.8 ** 2].slice(0, o.steps))
      expect(architecture.layers).toEqual(taps && [...taps])
      for (const [i, { at_M, h, added }] of entries.entries()) {
        const s = i + 1
        const { at_M: expected, row_M } = rowsAhead(problem, s)
        expect(at_M).toEqual([...expected])
        expect(at_M.length).toBeGreaterThan(0)
        for (const [m, at] of row_M.entries()) {
          const b = Math.floor(at / T)
          const firsts = Array.from({ length: T }, (_, t) =>
            taps ? taps.flatMap((layer) => row(layers.get(layer)!, b * T + t)) : row(hidden, b * T + t),
          )
          const tokens = Array.from(sequence[b]!, (id) => row(table, id))
          const chain = slowChain(sizes, values, firsts, tokens, at % T, s)
          for (const [c, value] of chain[i]!.state.entries()) expect(h[m * d + c]!).toBeCloseTo(value, 4)
          if (feature === 0) continue
          const next = row(hidden, at + s)
          const far = next.map((value, c) => Math.abs(value - chain[i]!.feature[c]!))
          const mean = far.reduce((sum, x) => sum + (x < 1 ? (x * x) / 2 : x - 0.5), 0) / d
          expect(added![m]!).toBeCloseTo(feature * mean, 4)
        }
      }
    })

test("packed sequences give the same rows, in every step", async () => {
  const made = await valuesOf(eagle({ steps: 3 }))
  const places = packedRows({ ...problem, ids_BT: problem.ids_BT.map((_, at) => at) }, 0)
  expect(places.B).toBe(1)
  const packed = answer(
    made,
    { ...places, ids_BT: places.ids_BT.map((at) => problem.ids_BT[at]!) },
    (n) => places.ids_BT[n]!,
  )
  for (const [i, entry] of answer(made).entries()) {
    expect(packed[i]!.at_M).toEqual(entry.at_M)
    for (const [j, x] of entry.h.entries()) expect(packed[i]!.h[j]!).toBeCloseTo(x, 4)
  }
})

test("the smooth L1 distance is square to its corner at 1, and straight beyond", () => {
  const before = tf.memory().numTensors
  tf.tidy(() => {
    const [x, y] = [tf.tensor2d([[0.5, -3]]), tf.tensor2d([[0, 0]])]
    expect(smoothL1(x, y).dataSync()[0]!).toBeCloseTo((0.125 + 2.5) / 2, 6)
  })
  expect(tf.memory().numTensors).toBe(before)
})

test("the state that it reads is the one before the token; no later state and no later token", async () => {
  const made = await valuesOf(eagle({ steps: 2 }))
  const [first, second] = answer(made)
  // Row 2 predicts the token after position 4 of the first sequence: step s reads states up to 4 - s and tokens up to 4.
  const rowOf = (entry: typeof first, n: number) => row(entry!.h, entry!.at_M.indexOf(n))
  for (let at = 0; at < T; at++) {
    const changed = { ...made }
    const kept = hidden.slice()
    for (let c = 0; c < d; c++) hidden[at * d + c]! += 1
    const [one, two] = answer(changed)
    hidden.set(kept)
    expect(Bun.deepEquals(rowOf(one, 2), rowOf(first, 2))).toBe(at > 3)
    expect(Bun.deepEquals(rowOf(two, 2), rowOf(second, 2))).toBe(at > 2)
  }
})

test("parameters have the names and shapes of the published checkpoints", async () => {
  const shapes = async (use: ReturnType<typeof eagle>) =>
    Object.fromEntries(Array.from((await valuesOf(use)).architecture.parameters, ([name, { shape }]) => [name, shape]))
  const feed = (at: string) => ({
    [`${at}post_attention_layernorm.weight`]: [8],
    [`${at}mlp.gate_proj.weight`]: [24, 8],
    [`${at}mlp.up_proj.weight`]: [24, 8],
    [`${at}mlp.down_proj.weight`]: [8, 24],
  })
  expect(await shapes(eagle())).toEqual({
    "fc.weight": [8, 16],
    "layers.0.self_attn.q_proj.weight": [8, 8],
    "layers.0.self_attn.k_proj.weight": [4, 8],
    "layers.0.self_attn.v_proj.weight": [4, 8],
    "layers.0.self_attn.o_proj.weight": [8, 8],
    ...feed("layers.0."),
  })
  expect(await shapes(eagle({ form: "eagle3" }))).toEqual({
    "fc.weight": [8, 24],
    "midlayer.input_layernorm.weight": [8],
    "midlayer.hidden_norm.weight": [8],
    "midlayer.self_attn.q_proj.weight": [8, 16],
    "midlayer.self_attn.k_proj.weight": [4, 16],
    "midlayer.self_attn.v_proj.weight": [4, 16],
    "midlayer.self_attn.o_proj.weight": [8, 8],
    ...feed("midlayer."),
    "norm.weight": [8],
    "lm_head.weight": [11, 8],
  })
})

test("its FLOPs for a token: two for each number of its matrices and step, and the attention", async () => {
  const flops = async (use: ReturnType<typeof eagle>) => {
    const { parameters, trunkFlops } = (await instanceOf(use)).on(target)
    const vocabulary = parameters.get("lm_head.weight") ? V * d : 0
    const matrices = parameters.values().filter(({ shape }) => shape.length === 2)
    const numbers = matrices.reduce((sum, { shape: [e, c] }) => sum + e! * c!, -vocabulary)
    return { numbers, at: trunkFlops!(10) }
  }
  // Queries of all heads and 10 keys, then 11: products with keys, and with values.
  const attention = (keys: number) => 2 * 2 * keys * d
  const one = await flops(eagle())
  expect(one.at).toBe(2 * one.numbers + attention(10))
  expect((await flops(eagle({ steps: 2 }))).at).toBe(2 * one.at + attention(1))
  const third = await flops(eagle({ form: "eagle3", steps: 2 }))
  const taps = d * 3 * d
  expect(third.at).toBe(2 * taps + 4 * (third.numbers - taps) + attention(10 + 11))
})

test("options that do not fit each other or the target are refused, with the reason", async () => {
  await expect(instanceOf(eagle({ vocabulary: "own" }))).rejects.toThrow('vocabulary must be "target" with form eagle')
  await expect(instanceOf(eagle({ taps: [1, 2, 3] }))).rejects.toThrow("taps must be left out with form eagle")
  await expect(instanceOf(eagle({ form: "eagle3", feature: 1 }))).rejects.toThrow("feature must be 0 with form eagle3")
  await expect(instanceOf(eagle({ form: "eagle3", taps: [1, 2] }))).rejects.toThrow("taps must be exactly length 3")
  const on = async (use: ReturnType<typeof eagle>, of: Partial<TargetSizes>) =>
    (await instanceOf(use)).on({ ...target, ...of })
  await expect(on(eagle({ num_attention_heads: 3 }), {})).rejects.toThrow("a head has 2.6666666666666665 columns")
  await expect(on(eagle(), { streamSize: 7 })).rejects.toThrow("the target's vocabulary head has a bias")
  await expect(on(eagle({ form: "eagle3", taps: [0, 1, 6] }), {})).rejects.toThrow("reads the states of layer 6")
  await expect(on(eagle({ form: "eagle3" }), { layers: 2 })).rejects.toThrow(
    "the target has 2 layers, and EAGLE-3 reads",
  )
  await expect(instanceOf(eagle({ form: "eagle3", taps: [1, 3, 3] }))).rejects.toThrow("taps must be three layers in")
  const tapsOf = async (layers: number) => (await on(eagle({ form: "eagle3" }), { layers })).layers
  expect([await tapsOf(32), await tapsOf(7), await tapsOf(6), await tapsOf(4), await tapsOf(3)]).toEqual([
    ...[
      [2, 16, 29],
      [2, 3, 4],
    ],
    ...[
      [1, 3, 5],
      [1, 2, 3],
      [0, 1, 2],
    ],
  ])
})

test("native decoding of a private part is that of plain ops, also after a roll-back", async () => {
  const model = initialise(
    await instanceOf(llama({ vocab_size: V, hidden_size: d, num_hidden_layers: 1, num_attention_heads: 2 })),
    1,
  )
  for (const gate of ["joint", "none"] as const) {
    const { sizes } = sizesOf(options.assert({ private: { size: 3, gate } }), target)
    const { values, architecture } = await valuesOf(eagle({ private: { size: 3, gate } }))
    const parameters = new Map(
      Array.from(architecture.parameters, ([name, { shape }]) => [
        name,
        tf.variable(tf.tensor(values.get(name)!, [...shape])),
      ]),
    )
    const circuit = stepCircuit(sizes)
    const read = (start: typeof startCircuit) => {
      const state = start(circuit, { parameters, target: model })
      const extend = (from: number, ids: ReadonlyArray<number>) =>
        state.extend({
          inputs: new Map([[slots.feature, hidden.slice(from * d, (from + ids.length) * d)]]),
          ids: [ids],
        })
      extend(0, [1, 2, 3])
      state.rollback(2)
      extend(2, [4, 5])
      const rows = Array.from(state.states(slots.state))
      state.dispose()
      return rows
    }
    const [ours, plain] = [read(startCircuit), read(plainCircuit)]
    for (const [i, x] of plain.entries()) expect(ours[i]!).toBeCloseTo(x, 4)
    tf.dispose([...parameters.values()])
  }
  model.dispose()
})
