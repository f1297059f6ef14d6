import { expect, test } from "bun:test"
import { type Architecture, type ModelUse, nextTokenProblem, type Seen } from "@winnow/core"
import { gpt2 } from "@winnow/model-gpt2"
import { llama } from "@winnow/model-llama"
import { phi } from "@winnow/model-phi"
import { finalNorm, hiddenByLayer, initialise, initialiseHead, modelOfLayers } from "@winnow/models"
import { normals, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { checkHead, instanceOf } from "@winnow/testing"
import { exit } from "./index.ts"

test("keeps the laws, without parameters", () => checkHead(exit()))
test("keeps the laws, with a norm and a matrix of its own", () => checkHead(exit({ layers: 3, norm: true, rank: 2 })))

const size = {
  vocab_size: 32,
  hidden_size: 16,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  max_position_embeddings: 16,
}
const families: ReadonlyArray<readonly [name: string, use: ModelUse]> = [
  ["llama", llama(size)],
  ["gpt2, whose norm has a shift", gpt2({ vocab_size: 32, n_embd: 16, n_layer: 3, n_head: 2, n_positions: 16 })],
  ["phi, whose head has a bias", phi(size)],
]
const rng = seeded(1, "exit")
const problem = nextTokenProblem(
  [7, 4].map((length) => ({ ids: Int32Array.from({ length }, () => rng.below(32)), promptLength: 1 })),
  0,
)
const architectureOf = (use: ModelUse): Promise<Architecture> => instanceOf(use)

for (const [name, use] of families) {
  test(`${name}: begins as the model of the target's first layers, bit by bit, with and without parameters`, async () => {
    const target = initialise(await architectureOf(use), 3)
    const few = modelOfLayers(target, [0, 1])
    for (const options of [{ layers: 2 }, { layers: 2, norm: true, rank: 3 }]) {
      const head = initialiseHead(await instanceOf(exit(options)), target, 1)
      const before = tf.memory().numTensors
      tf.tidy(() => {
        const ids = tf.tensor2d(problem.ids_BT, [problem.B, problem.T], "int32")
        const seen = {
          targetLayers: new Map([[2, hiddenByLayer(target, ids)[2]!]]),
          targetNorm: (x, own) => finalNorm(target, x, own),
          targetHead: target.head_Vd,
        } as Partial<Seen> as Seen // it reads no other
        const [entry] = head.rows(problem, seen)
        const D = target.architecture.hiddenSize
        const h_ND = tf.gather(tf.reshape(few.hidden(ids), [-1, D]), tf.tensor1d(problem.row_N, "int32"))
        expect(entry!.h_Md.dataSync()).toEqual(h_ND.dataSync())
        expect(entry!.head_Vd.dataSync()).toEqual(few.head_Vd.dataSync())
      })
      expect(tf.memory().numTensors).toBe(before)
      head.dispose()
    }
    for (const model of [few, target]) model.dispose()
  })

  test(`${name}: parameters are a copy of the final norm and a matrix of low rank`, async () => {
    const target = initialise(await architectureOf(use), 3)
    const head = initialiseHead(await instanceOf(exit({ layers: 1, norm: true, rank: 3 })), target, 1)
    const D = target.architecture.hiddenSize
    const norm = target.architecture.finalNorm!.parameters
    expect(norm.length).toBe(name === "llama" ? 1 : 2)
    expect(Object.fromEntries(Array.from(head.parameters, ([name, { shape }]) => [name, shape]))).toEqual({
      "norm.scale": [16],
      ...(norm.length === 2 && { "norm.shift": [16] }),
      "adapter.down.weight": [3, D],
      "adapter.up.weight": [D, 3],
    })
    head.parameters.get("norm.scale")!.assign(tf.tidy(() => tf.fill([16], 3)))
    expect([...target.parameters.get(norm[0]!)!.dataSync()].every((x) => x === 1)).toBe(true)
    head.dispose()
    target.dispose()
  })
}

test("each row is that of plain loops over the formula", async () => {
  const [D, r, V] = [6, 2, 5]
  const values = {
    "norm.scale": normals(D, 1, seeded(2, "scale")),
    "adapter.down.weight": normals(r * D, 1, seeded(2, "down")),
    "adapter.up.weight": normals(D * r, 1, seeded(2, "up")),
  }
  const x = normals(problem.B * problem.T * D, 1, seeded(2, "x"))
  const { rows } = (await instanceOf(exit({ layers: 1, norm: true, rank: r }))).on({
    ...{ hiddenSize: D, vocabularySize: V, layers: 2 },
    finalNorm: { parameters: ["last"], apply: () => tf.zeros([0, 0]) },
  })
  tf.tidy(() => {
    const variables = new Map(
      Object.entries(values).map(([name, value]) => {
        const shape = name === "norm.scale" ? [D] : name.includes("down") ? [r, D] : [D, r]
        return [name, tf.variable(tf.tensor(value, shape))]
      }),
    )
    const seen = {
      targetLayers: new Map([[1, tf.tensor3d(x, [problem.B, problem.T, D])]]),
      targetNorm: (rows, own) => tf.mul(rows, own!.get("last")!) as tf.Tensor2D,
      targetHead: tf.zeros([V, D]) as tf.Tensor2D,
    } as Partial<Seen> as Seen // it reads no other
    const found = rows(variables, problem, seen)[0]!.h_Md.dataSync()
    for (const [n, row] of problem.row_N.entries()) {
      const h = Array.from({ length: D }, (_, i) => x[row * D + i]! * values["norm.scale"][i]!)
      const low = Array.from({ length: r }, (_, j) =>
        h.reduce((sum, value, i) => sum + value * values["adapter.down.weight"][j * D + i]!, 0),
      )
      for (const [i, value] of h.entries()) {
        const more = low.reduce((sum, u, j) => sum + u * values["adapter.up.weight"][i * r + j]!, 0)
        expect(found[n * D + i]!).toBeCloseTo(value + more, 4)
      }
    }
    tf.dispose([...variables.values()])
  })
})

test("the exit lies before the target's last layer; left out, it is at half", async () => {
  const on = async (options: { layers?: number }, layers: number) =>
    (await instanceOf(exit(options))).on({ hiddenSize: 4, vocabularySize: 5, layers }).layers
  expect([await on({}, 8), await on({}, 3), await on({ layers: 7 }, 8)]).toEqual([[4], [1], [7]])
  await expect(on({ layers: 8 }, 8)).rejects.toThrow(
    "layers is 8, and the target has 8; leave at least the last one out",
  )
  await expect(instanceOf(exit({ layers: 0 }))).rejects.toThrow("head exit: layers must be at least 1 (was 0)")
})
