/** Tensors of every kind into TensorFlow and back. */
import { afterAll, expect, test } from "bun:test"
import { backend } from "../engine.ts"
import { tf } from "../tf.ts"
import { attribute } from "./attributes.ts"
import { DType, type DTypeName, dtypeName, type Elements } from "./dtypes.ts"
import { EngineError } from "./status.ts"

const { binding } = backend()
const before = binding.getNumOfTensors()
afterAll(() => {
  expect(binding.getNumOfTensors()).toBe(before)
})

const roundTrip = (shape: ReadonlyArray<number>, dtype: number, values: Parameters<typeof binding.createTensor>[2]) => {
  const id = binding.createTensor(shape, dtype, values)
  const [copy] = binding.executeOp("Identity", [attribute.type("T", dtype)], [id], 1)
  const back = binding.tensorDataSync(copy!.id) as unknown
  binding.deleteTensor(id)
  binding.deleteTensor(copy!.id)
  return { back, shape: copy!.shape, dtype: copy!.dtype }
}

const cases: ReadonlyArray<readonly [DTypeName, ReadonlyArray<number>, Elements]> = [
  ["float32", [2, 2], Float32Array.of(1.5, -0, Number.NaN, Number.NEGATIVE_INFINITY)],
  ["float32", [], Float32Array.of(7)],
  ["float32", [2, 0, 3], new Float32Array(0)],
  ["float32", [1, 1, 2, 1, 1, 1], Float32Array.of(1, 2)],
  ["float64", [2], Float64Array.of(Math.PI, Number.MAX_VALUE)],
  ["int32", [2], Int32Array.of(-(2 ** 31), 2 ** 31 - 1)],
  ["int64", [3], BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, -1n)],
  ["uint8", [3], Uint8Array.of(0, 128, 255)],
  ["int8", [2], Int8Array.of(-128, 127)],
  ["uint16", [2], Uint16Array.of(0, 65535)],
  ["int16", [1], Int16Array.of(-32768)],
  ["bool", [2], Uint8Array.of(1, 0)],
  ["bfloat16", [2], Uint16Array.of(0x3f80, 0xc000)],
  ["float16", [1], Uint16Array.of(0x3c00)],
  ["complex64", [2], Float32Array.of(1, 2, 3, -4)],
  ["complex128", [1], Float64Array.of(1, -2)],
]
for (const [name, shape, values] of cases)
  test(`${name} [${shape}]`, () => {
    const { back, ...metadata } = roundTrip(shape, DType[name], values)
    expect(back).toBeInstanceOf(values.constructor)
    // As bytes, so that -0 and NaN count too.
    expect(Buffer.from((back as Elements).buffer)).toEqual(Buffer.from(values.buffer))
    expect(metadata).toEqual({ shape: [...shape], dtype: DType[name] })
  })

test("a part of an array, at an offset that is not aligned to 8", () => {
  expect(roundTrip([2], DType.float32, Float32Array.of(0, 1, 2, 3).subarray(1, 3)).back).toEqual(Float32Array.of(1, 2))
})

test("int64 as pairs of int32, low half first, as TFJS gives it", () => {
  expect(roundTrip([2], DType.int64, Int32Array.of(5, 0, -5, -1)).back).toEqual(BigInt64Array.of(5n, -5n))
})

test("the values are copied", () => {
  const values = Float32Array.of(1, 2)
  const id = binding.createTensor([2], DType.float32, values)
  values.fill(9)
  const first = binding.tensorDataSync(id) as Float32Array
  first.fill(8)
  expect(binding.tensorDataSync(id)).toEqual(Float32Array.of(1, 2))
  binding.deleteTensor(id)
})

const encode = (texts: ReadonlyArray<string>) => texts.map((text) => new TextEncoder().encode(text))
const texts = ["", "a", "x".repeat(22), "y".repeat(23), "Grüße, 世界 🌍, and more than 22 bytes", "z".repeat(100_000)]

test("strings: empty, short, long, not ASCII", () => {
  expect(roundTrip([2, 3], DType.string, encode(texts)).back).toEqual(encode(texts))
  expect(roundTrip([1], DType.string, [Uint8Array.of(0, 255, 0)]).back).toEqual([Uint8Array.of(0, 255, 0)])
  expect(roundTrip([0], DType.string, []).back).toEqual([])
})

test("strings through TFJS", () => {
  tf.tidy(() => {
    expect(
      tf
        .tensor1d(texts)
        .concat(tf.tensor1d(["b"]))
        .dataSync() as unknown,
    ).toEqual([...texts, "b"])
  })
})

test("long strings are freed", () => {
  const long = [new Uint8Array(1 << 18).fill(65), new Uint8Array(1)]
  const make = () => binding.deleteTensor(binding.createTensor([2], DType.string, long))
  for (let i = 0; i < 50; i++) make()
  const start = process.memoryUsage.rss()
  for (let i = 0; i < 400; i++) make()
  expect(process.memoryUsage.rss() - start).toBeLessThan(50 * 2 ** 20) // A leak would leave 100 MB.
})

test("complex64 through TFJS", () => {
  tf.tidy(() => {
    const c = tf.complex([1, 2], [3, 4])
    expect([...c.mul(c).dataSync()]).toEqual([-8, 6, -12, 16])
  })
})

test("uint8 that an op gives is read as bytes", () => {
  const wide = binding.createTensor([3], DType.int32, Int32Array.of(1, 128, 255))
  const cast = [attribute.type("SrcT", DType.int32), attribute.type("DstT", DType.uint8)]
  const [narrow] = binding.executeOp("Cast", cast, [wide], 1)
  expect(binding.tensorDataSync(narrow!.id) as Uint8Array).toEqual(Uint8Array.of(1, 128, 255))
  binding.deleteTensor(wide)
  binding.deleteTensor(narrow!.id)
})

test("filled in place; the view is detached afterwards", () => {
  let kept: Elements | undefined
  const id = binding.createFilledTensor([3], DType.float32, (values) => {
    kept = values
    values.set([1, 2, 3] as never)
  })
  expect(kept!.length).toBe(0)
  expect([...binding.tensorDataSync(id)]).toEqual([1, 2, 3])
  expect(binding.lendTensor(id, (values) => [...(values as Float32Array)])).toEqual([1, 2, 3])
  expect(binding.lendTensor(id, (values) => (kept = values)).length).toBe(0)
  binding.deleteTensor(id)
  const empty = binding.createFilledTensor([0], DType.int32, () => {})
  expect(binding.lendTensor(empty, ({ length }) => length)).toBe(0)
  binding.deleteTensor(empty)
})

test("errors of fill and read pass through, and no tensor is left", () => {
  const count = binding.getNumOfTensors()
  const boom = () => {
    throw new RangeError("boom")
  }
  expect(() => binding.createFilledTensor([2], DType.float32, boom)).toThrow(RangeError)
  expect(binding.getNumOfTensors()).toBe(count)
  const id = binding.createTensor([1], DType.float32, new Float32Array(1))
  expect(() => binding.lendTensor(id, boom)).toThrow("boom")
  expect([...binding.tensorDataSync(id)]).toEqual([0])
  binding.deleteTensor(id)
})

type Wrong = readonly [shape: unknown, dtype: number, values: unknown, says: string]
const wrong: Readonly<Record<string, Wrong>> = {
  "too few values": [
    [3],
    DType.float32,
    new Float32Array(2),
    "createTensor(float32[3]): InvalidArgument: the shape has 3",
  ],
  "another kind of array": [
    [1],
    DType.float32,
    new Int32Array(1),
    "expected values in a Float32Array, found a Int32Array",
  ],
  "a negative dimension": [[-1], DType.float32, new Float32Array(1), "whole numbers of 0 or more, found -1"],
  "half a dimension": [[0.5], DType.float32, new Float32Array(1), "whole numbers of 0 or more, found 0.5"],
  "no such dtype": [[1], 1000, new Int32Array(1), "TensorFlow has no dtype 1000"],
  "no values": [[1], DType.float32, null, "expected a typed array of values, found object"],
  "no shape": [null, DType.float32, new Float32Array(1), "expected a shape"],
  "more than any memory": [[2 ** 40, 2 ** 40], DType.float32, new Float32Array(1), "more than any memory holds"],
  "a string that is no bytes": [
    [1],
    DType.string,
    ["text"],
    "expected every string as a Uint8Array of its bytes, found string",
  ],
  "too few strings": [[2], DType.string, [new Uint8Array(1)], "the shape has 2 elements, 1 strings were given"],
  "a resource": [[], DType.resource, new Uint8Array(3), "a tensor of resource cannot be made from values"],
}
for (const [what, [shape, dtype, values, says]] of Object.entries(wrong))
  test(`refused: ${what}`, () => {
    const make = () => binding.createTensor(shape as Array<number>, dtype, values as Float32Array)
    expect(make).toThrow(EngineError)
    expect(make).toThrow(says)
  })

test("refused: memory that there is not", () => {
  expect(() => binding.createFilledTensor([2 ** 42], DType.float32, () => {})).toThrow(
    "createFilled(float32[4398046511104]): ResourceExhausted: 17592186044416 bytes, and this machine has",
  )
})

test("refused: a tensor that was deleted", () => {
  const id = binding.createTensor([1], DType.float32, new Float32Array(1))
  binding.deleteTensor(id)
  for (const use of [binding.deleteTensor, binding.tensorDataSync, (i: number) => binding.lendTensor(i, () => 0)])
    expect(() => use(id)).toThrow(`there is no tensor ${id}: it was deleted, or never made`)
})

test("every dtype has a name", () => {
  for (const [name, dtype] of Object.entries(DType)) expect(dtypeName(dtype)).toBe(name as DTypeName)
  expect(dtypeName(99)).toBe("dtype 99")
})
