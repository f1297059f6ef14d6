import { expect, test } from "bun:test"
import { type HeadInstance, type Problem, rowsAhead, type Seen } from "@winnow/core"
import { normals, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { checkHead, instanceOf } from "@winnow/testing"
import { hydra } from "./index.ts"

test("keeps the laws", () => checkHead(hydra({ heads: 3 })))
test("keeps the laws, with blocks, the target's vocabulary head and a decay", () =>
  checkHead(hydra({ heads: 2, blocks: 3, vocabulary: "target", decay: 0.8 })))

const [D, V] = [4, 7]

/** Two sequences of 6 and 3 tokens, the first with a prompt of 2. */
const problem: Problem = {
  ...{ B: 2, T: 5, tokens: 7 },
  ids_BT: Int32Array.of(3, 1, 6, 2, 4, 5, 0, 0, 0, 0),
  length_B: Int32Array.of(5, 2),
  row_N: Int32Array.of(1, 2, 3, 4, 5, 6),
  gold_N: Int32Array.of(6, 2, 4, 1, 0, 2),
  sequence_N: Int32Array.of(0, 0, 0, 0, 1, 1),
  position_N: Int32Array.of(2, 3, 4, 5, 1, 2),
}
const hidden = normals(2 * 5 * D, 1, seeded(1, "hidden"))
const table = normals(V * D, 1, seeded(2, "table"))
const head = normals(V * D, 1, seeded(3, "head"))

/** A head's parameters as arrays, and its answer to the problem with them. */
const answer = (
  instance: HeadInstance,
  fill: (name: string, size: number) => Float32Array,
  given: { readonly hidden?: Float32Array; readonly ids_BT?: Int32Array } = {},
) => {
  const { parameters, rows } = instance.on({ hiddenSize: D, vocabularySize: V })
  const values = new Map(
    Array.from(parameters, ([name, { shape }]) => [
      name,
      fill(
        name,
        shape.reduce((a, b) => a * b, 1),
      ),
    ]),
  )
  return tf.tidy(() => {
    const variables = new Map(
      Array.from(parameters, ([name, { shape }]) => [name, tf.variable(tf.tensor(values.get(name)!, [...shape]))]),
    )
    const seen = {
      targetHidden: tf.tensor3d(given.hidden ?? hidden, [2, 5, D]),
      targetEmbedding: tf.tensor2d(table, [V, D]),
      targetHead: tf.tensor2d(head, [V, D]),
    } as Partial<Seen> as Seen // it reads no other
    const entries = rows(variables, { ...problem, ids_BT: given.ids_BT ?? problem.ids_BT }, seen).map((entry) => ({
      at_M: [...entry.at_M!],
      weight: entry.weight,
      h: entry.h_Md.dataSync() as Float32Array,
      head: entry.head_Vd.dataSync() as Float32Array,
    }))
    tf.dispose([...variables.values()])
    return { entries, values, parameters } as never
  }) as unknown as {
    readonly entries: ReadonlyArray<{ at_M: Array<number>; weight: number; h: Float32Array; head: Float32Array }>
    readonly values: ReadonlyMap<string, Float32Array>
    readonly parameters: ReturnType<HeadInstance["on"]>["parameters"]
  }
}
const random = (name: string, size: number) => normals(size, 0.5, seeded(4, name))

/** x W^T + b of one row, in double precision. */
const product = (x: ReadonlyArray<number>, weight: Float32Array, bias?: Float32Array): Array<number> =>
  Array.from({ length: weight.length / x.length }, (_, e) =>
    x.reduce((sum, value, i) => sum + value * weight[e * x.length + i]!, bias?.[e] ?? 0),
  )

test("each row is that of plain loops over the formula", async () => {
  const blocks = 3
  const { entries, values } = answer(await instanceOf(hydra({ heads: 3, blocks })), random)
  for (const [i, { at_M, h, weight, head: own }] of entries.entries()) {
    const k = i + 1
    const { at_M: expectedAt, row_M } = rowsAhead(problem, k)
    expect(at_M).toEqual([...expectedAt])
    expect(weight).toBe(1)
    expect(own).toEqual(values.get(`heads.${k}.head.weight`)!)
    for (const [m, row] of row_M.entries()) {
      const input = [...hidden.subarray(row * D, (row + 1) * D)]
      for (let j = 1; j <= k; j++) {
        const id = problem.ids_BT[row + j]!
        input.push(...table.subarray(id * D, (id + 1) * D))
      }
      let x = input
      for (let b = 0; b < blocks; b++) {
        const of = (name: string) => values.get(`heads.${k}.${name}`)!
        const u = product(x, of(`blocks.${b}.weight`), of(`blocks.${b}.bias`))
        const kept = b === 0 ? product(x, of("residual.weight")) : x
        x = kept.map((value, d) => value + u[d]! / (1 + Math.exp(-u[d]!)))
      }
      for (const [d, value] of x.entries()) expect(h[m * D + d]!).toBeCloseTo(value, 4)
    }
  }
})

test("begins as the target's own head on the state that it reads: the tokens between count nothing yet", async () => {
  const instance = await instanceOf(hydra({ heads: 2 }))
  const { parameters } = instance.on({ hiddenSize: D, vocabularySize: V })
  const initial = (name: string, size: number) => {
    const values = new Float32Array(size)
    const { shape, init } = parameters.get(name)!
    if (init.kind === "identity") for (let i = 0; i < shape[0]!; i++) values[i * shape[1]! + i] = 1
    if (init.kind === "target head") values.set(head)
    return values
  }
  const { entries } = answer(instance, initial)
  for (const [i, { h, head: own }] of entries.entries()) {
    const { row_M } = rowsAhead(problem, i + 1)
    expect([...h]).toEqual([...row_M].flatMap((row) => [...hidden.subarray(row * D, (row + 1) * D)]))
    expect(own).toEqual(head)
  }
})

test("a head reads the state k positions before its row's, and every token between; no state between", async () => {
  const instance = await instanceOf(hydra({ heads: 3, vocabulary: "target" }))
  const plain = answer(instance, random).entries
  // Row 3 predicts the token after position 4: head k reads the state of position 4 - k.
  const [row, n] = [4, 3]
  const rowOf = ({ at_M, h }: (typeof plain)[number]) => [...h.slice(at_M.indexOf(n) * D, (at_M.indexOf(n) + 1) * D)]
  for (let at = 0; at < 5; at++) {
    const other = hidden.map((x, i) => (Math.floor(i / D) === at ? x + 1 : x))
    const ids_BT = problem.ids_BT.map((id, i) => (i === at ? (id + 1) % V : id))
    for (const [i, entry] of plain.entries()) {
      const ofState = answer(instance, random, { hidden: other }).entries[i]!
      const ofToken = answer(instance, random, { ids_BT }).entries[i]!
      expect(Bun.deepEquals(rowOf(ofState), rowOf(entry))).toBe(at !== row - i - 1)
      expect(Bun.deepEquals(rowOf(ofToken), rowOf(entry))).toBe(!(at > row - i - 1 && at <= row))
    }
  }
})

test("the target's vocabulary head is not among the parameters; a decay weighs the heads", async () => {
  const { entries, parameters } = answer(await instanceOf(hydra({ vocabulary: "target", decay: 0.5 })), random)
  expect(entries.map(({ weight }) => weight)).toEqual([1, 0.5, 0.25, 0.125])
  expect(entries.every((entry) => Bun.deepEquals(entry.head, head))).toBe(true)
  expect([...parameters.keys()].some((name) => name.includes("head.weight"))).toBe(false)
})

test("options: at least one head, and no other", async () => {
  await expect(instanceOf(hydra({ heads: 0 }))).rejects.toThrow("head hydra: heads must be at least 1 (was 0)")
  await expect(instanceOf(hydra.use({ layers: 2 }))).rejects.toThrow("head hydra: layers must be removed")
})
