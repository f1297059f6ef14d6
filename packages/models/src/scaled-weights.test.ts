/** Weights in 8 bits: every byte's value, blocks of scales against plain loops, folders with and without what they need. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { llama } from "@winnow/model-llama"
import { openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import { loadDecoder, saveModel } from "./files.ts"
import { eightBits, fromFloat8 } from "./float8.ts"
import { initialise } from "./initialise.ts"
import { openSafetensors } from "./safetensors.ts"
import { scale } from "./scaled-weights.ts"

const root = mkdtempSync(join(tmpdir(), "winnow-scaled-"))
afterAll(() => rmSync(root, { recursive: true }))
const run = Effect.runPromise
const allBytes = Uint8Array.from({ length: 256 }, (_, byte) => byte)

describe("values", () => {
  /** By float16: the same bits one exponent field further up, and for E4M3 a bias that is 8 smaller. */
  const plain = {
    F8_E5M2: (byte: number) => new Float16Array(Uint16Array.of(byte << 8).buffer)[0]!,
    F8_E4M3: (byte: number) =>
      byte % 128 === 127
        ? Number.NaN
        : 256 * new Float16Array(Uint16Array.of(((byte & 128) << 8) | ((byte & 127) << 7)).buffer)[0]!,
  }
  test.each([...eightBits])("%s", (format) => {
    const values = new Float32Array(256)
    fromFloat8(format, allBytes, values)
    for (const [byte, value] of values.entries())
      if (!Object.is(value, plain[format](byte))) throw new Error(`byte ${byte} is ${value}`)
    const largest = Math.max(...values.filter(Number.isFinite))
    expect(largest).toBe(format === "F8_E4M3" ? 448 : 57344)
  })
})

test("each value is multiplied by the scale of its block, whole or cut", () => {
  for (const [rows, columns, r, c] of [
    [1, 1, 128, 128],
    [5, 7, 2, 3],
    [4, 6, 2, 3],
    [3, 200, 128, 128],
    [130, 1, 128, 128],
  ] as const) {
    const values = Float32Array.from({ length: rows * columns }, (_, i) => i + 1)
    const across = Math.ceil(columns / c)
    const scales = Float32Array.from({ length: Math.ceil(rows / r) * across }, (_, i) => 0.5 + i / 3)
    const expected = values.map(
      (x, i) => x * scales[Math.floor(Math.floor(i / columns) / r) * across + Math.floor((i % columns) / c)]!,
    )
    scale(values, [rows, columns], scales, [r, c])
    expect(values).toEqual(expected)
  }
})

const options = { vocab_size: 50, hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 4, intermediate_size: 40 }
const block = [16, 24] as const
const scaled = /_proj\.weight$/

/** Writes a folder: matrices of the layers as the bytes that `byteOf` gives, with scales of blocks; the rest in float32. */
const write = (
  folder: string,
  quantization: unknown,
  { drop = "", scaleShape = undefined as ReadonlyArray<number> | undefined, dtype = "F8_E4M3" } = {},
): void => {
  mkdirSync(folder)
  const source = openSafetensors(join(root, "plain", "model.safetensors"))
  const parts: Array<readonly [name: string, dtype: string, shape: ReadonlyArray<number>, bytes: Uint8Array]> = []
  for (const [name, { shape }] of source.tensors) {
    const values = source.read(name)
    if (!scaled.test(name)) {
      parts.push([name, "F32", shape, new Uint8Array(values.buffer)])
      continue
    }
    const [rows, columns] = shape as readonly [number, number]
    const count = Math.ceil(rows / block[0]) * Math.ceil(columns / block[1])
    parts.push([name, dtype, shape, Uint8Array.from(values, (_, i) => (i * 7) % 120)])
    const scales = Float32Array.from({ length: count }, (_, i) => 0.001 * (1 + (i % 5)))
    if (name !== drop) parts.push([`${name}_scale_inv`, "F32", scaleShape ?? [count], new Uint8Array(scales.buffer)])
  }
  source.close()
  let at = 0
  const header = Object.fromEntries(
    parts.map(([name, dtype, shape, { length }]) => [name, { dtype, shape, data_offsets: [at, (at += length)] }]),
  )
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  writeFileSync(
    join(folder, "model.safetensors"),
    Buffer.concat([length, json, ...parts.map(([, , , bytes]) => bytes)]),
  )
  const config = JSON.parse(readFileSync(join(root, "plain", "config.json"), "utf8")) as object
  const more = quantization === undefined ? {} : { quantization_config: quantization }
  writeFileSync(join(folder, "config.json"), JSON.stringify({ ...config, ...more }))
}
const fp8 = { quant_method: "fp8", activation_scheme: "dynamic", weight_block_size: block }

beforeAll(async () => {
  await openEngine()
  const model = initialise(await run(llama({ ...options, max_position_embeddings: 16 }).instance), 1)
  await run(saveModel(model, join(root, "plain")))
  model.dispose()
})

test("a folder in 8 bits is read with its scales, and saved in float32 without them", async () => {
  const folder = join(root, "fp8")
  write(folder, fp8)
  const model = await run(loadDecoder(folder, [llama]))
  expect(model.architecture.notes).toEqual([
    `${folder}: 7 weights in 8 bits are multiplied by their scales; activations are not rounded to 8 bits, as kernels for fp8 do`,
  ])
  const name = "model.layers.0.mlp.down_proj.weight"
  const values = new Float32Array(32 * 40)
  const bytes = Uint8Array.from(values, (_, i) => (i * 7) % 120)
  fromFloat8("F8_E4M3", bytes, values)
  const scales = Float32Array.from({ length: 4 }, (_, i) => 0.001 * (1 + (i % 5)))
  scale(values, [32, 40], scales, block)
  expect(Array.from(model.parameters.get(name)!.dataSync())).toEqual(Array.from(values))
  const copy = join(root, "copy")
  await run(saveModel(model, copy))
  expect(JSON.parse(readFileSync(join(copy, "config.json"), "utf8"))).not.toHaveProperty("quantization_config")
  const again = await run(loadDecoder(copy, [llama]))
  expect(Array.from(again.parameters.get(name)!.dataSync())).toEqual(Array.from(values))
  for (const one of [model, again]) one.dispose()
})

const name = "model.layers.0.self_attn.q_proj.weight"
test.each([
  ["no configuration", undefined, {}, "the weights are quantised (model.layers.0."],
  ["another method", { quant_method: "gptq" }, {}, 'quantization_config {"quant_method":"gptq"} is not supported'],
  ["activations with scales", { ...fp8, activation_scheme: "static" }, {}, 'activation_scheme is "static"'],
  ["a block that is none", { ...fp8, weight_block_size: [0, 128] }, {}, "expected two whole numbers above 0"],
  ["a weight without scales", fp8, { drop: name }, `${name} has dtype F8_E4M3 and no scale that config.json names`],
  ["scales of another shape", fp8, { scaleShape: [1] }, "takes 4 bytes, its offsets span"],
  ["other blocks", { ...fp8, weight_block_size: [128, 128] }, {}, "blocks of [128,128]"],
  ["scales of plain weights", fp8, { dtype: "I8" }, "which is of dtype I8; expected F8_E4M3 or F8_E5M2"],
] as const)("%s is refused", async (title, quantization, more, says) => {
  const folder = join(root, title.replaceAll(" ", "-"))
  write(folder, quantization, more)
  expect((await run(Effect.flip(loadDecoder(folder, [llama])))).message).toContain(says)
})
