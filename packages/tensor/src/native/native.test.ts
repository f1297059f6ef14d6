/** The open library: the conditions of its use by ops, and the addresses of tensors. */
import { toArrayBuffer } from "bun:ffi"
import { expect, test } from "bun:test"
import { DType } from "../binding/dtypes.ts"
import { engineInfo } from "../engine.ts"
import { engineMemory } from "../memory.ts"
import { record } from "../ops/recorded.ts"
import { tf } from "../tf.ts"
import { address, native, output, precision, setPrecision, withoutNative, withPrecision } from "./native.ts"

const there = native() !== undefined
const floats = (at: number, length: number) => new Float32Array(toArrayBuffer(at as never, 0, length * 4))

test("it is open, or the engine says why not", () => {
  const { native: info } = engineInfo()
  if ("missing" in info) {
    expect(info.missing).not.toBe("")
    expect(native()).toBeUndefined()
    return
  }
  expect(native()).toMatchObject({ variant: info.variant, path: info.path })
  expect(native()!.C.winnow_threads()).toBeGreaterThan(0)
})

test("withoutNative and recordings leave it aside, nested and when they throw", () => {
  const before = native()
  expect(withoutNative(() => withoutNative(() => 1) + Number(native() !== undefined))).toBe(1)
  expect(() =>
    withoutNative(() => {
      throw new Error("no")
    }),
  ).toThrow("no")
  expect(native()).toBe(before as NonNullable<typeof before>)
  tf.tidy(() => {
    let inside: unknown = "not run"
    const x = tf.ones([2])
    record([x], () => {
      inside = native()
      return [tf.add(x, x)]
    })
    expect(inside).toBeUndefined()
  })
  expect(native()).toBe(before as NonNullable<typeof before>)
})

test("the precision is that of the innermost", () => {
  expect(precision()).toBe("float32")
  const inner = withPrecision("bfloat16", () => [precision(), withPrecision("float32", precision), precision()])
  expect(inner).toEqual(["bfloat16", "float32", "bfloat16"])
  expect(setPrecision("bfloat16")).toBe("float32")
  expect(setPrecision("float32")).toBe("bfloat16")
})

test.skipIf(!there)("an address is where the elements are, before and after the first op", () => {
  const before = engineMemory()
  tf.tidy(() => {
    const x = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3])
    expect([...floats(address(x), 6)]).toEqual([1, 2, 3, 4, 5, 6])
    const y = tf.add(x, 1)
    expect([...floats(address(y), 6)]).toEqual([2, 3, 4, 5, 6, 7])
    expect(address(y)).toBe(address(y))
    expect(address(tf.reshape(y, [6]))).toBe(address(y))
    expect(address(tf.zeros([0, 3]))).toBeNumber()
    const variable = tf.variable(x)
    variable.assign(y as tf.Tensor2D)
    expect([...floats(address(variable), 2)]).toEqual([2, 3])
    variable.dispose()
  })
  const { next: _, ...now } = engineMemory()
  expect(now).toEqual((({ next, ...rest }) => rest)(before))
})

test.skipIf(!there)("an output is a tensor whose memory native code writes", () => {
  const before = engineMemory()
  tf.tidy(() => {
    for (const shape of [[], [1], [3, 5, 7], [2, 0], [1000, 333]]) {
      const { tensor, address: at } = output(shape)
      const size = shape.reduce((a, b) => a * b, 1)
      expect([tensor.shape, tensor.dtype, at % 64]).toEqual([shape, "float32", 0])
      if (size === 0) continue // An address without elements may have any value.
      expect(address(tensor)).toBe(at)
      floats(at, size).fill(1.5)
      expect(tf.sum(tensor).dataSync()[0]).toBe(1.5 * size)
    }
    const { tensor, address: at } = output([3], "int32")
    new Int32Array(toArrayBuffer(at as never, 0, 12)).set([1, -2, 3])
    expect([...tensor.dataSync()]).toEqual([1, -2, 3])
  })
  const { next: _, ...now } = engineMemory()
  expect(now).toEqual((({ next, ...rest }) => rest)(before))
})

test.skipIf(!there)("a tensor without an address gives an error", () => {
  const gone = tf.tensor1d([1])
  gone.dispose()
  expect(() => address(gone)).toThrow("disposed tensor")
  expect(() => output([2], "string")).toThrow("fixed width")
  expect(() => output([-1])).toThrow("whole numbers of 0 or more")
  expect(DType.float32).toBe(1)
})

test.skipIf(!there)("both cost little: they run ten times in an op", () => {
  const x = tf.ones([8])
  const best = (f: () => void) => {
    let least = Number.POSITIVE_INFINITY
    for (let round = 0; round < 30; round++) {
      const start = performance.now()
      for (let i = 0; i < 500; i++) f()
      least = Math.min(least, (performance.now() - start) * 2)
    }
    return least
  }
  // Microseconds; measured on an idle machine 0.11 and 0.9.
  expect(best(() => void address(x))).toBeLessThan(2)
  expect(best(() => output([2, 4]).tensor.dispose())).toBeLessThan(4)
  x.dispose()
})
