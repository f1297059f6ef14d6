/** Elements of tensors in place. */
import { expect, test } from "bun:test"
import { attribute } from "./binding/attributes.ts"
import { DType } from "./binding/dtypes.ts"
import { backend } from "./engine.ts"
import { checkLeaks, engineMemory } from "./memory.ts"
import { fillTensor, readTensor, tensorBytes, tensorFromBytes } from "./tensor-data.ts"
import { tf } from "./tf.ts"

test("filled in place, it is a tensor like others", () => {
  const before = engineMemory()
  tf.tidy(() => {
    const filled = fillTensor([2, 2], "float32", (values) => {
      for (let i = 0; i < 4; i++) values[i] = i
    })
    expect([filled.dtype, filled.shape]).toEqual(["float32", [2, 2]])
    expect([...filled.add(tf.scalar(1)).dataSync()]).toEqual([1, 2, 3, 4])
    expect([...fillTensor([2], "int32", (v) => v.set([5, 6] as never)).dataSync()]).toEqual([5, 6])
  })
  checkLeaks(before, "fill")
})

test("reads what waits and what an op gave", () => {
  tf.tidy(() => {
    const x = tf.tensor1d([1, 2, 3])
    expect(readTensor(x, (values) => [...(values as Float32Array)])).toEqual([1, 2, 3])
    expect(readTensor(x.neg(), (values) => values.constructor)).toBe(Float32Array)
    expect(tensorBytes(x, (bytes) => bytes.length)).toBe(12)
  })
})

test("bytes in, bytes out, from an odd offset", () => {
  tf.tidy(() => {
    const file = new Uint8Array(17)
    new Uint8Array(Float32Array.of(1, -2, 3).buffer).forEach((byte, i) => {
      file[i + 5] = byte
    })
    const x = tensorFromBytes(file.subarray(5), [3, 1], "float32")
    expect([...x.dataSync()]).toEqual([1, -2, 3])
    expect(tensorBytes(x, (bytes) => [...bytes])).toEqual([...file.subarray(5)])
    expect(() => tensorFromBytes(file, [3, 1], "float32")).toThrow("has 12 bytes, 17 were given")
  })
})

test("dtypes that TFJS lacks are opaque tensors, and ops take them", () => {
  const before = engineMemory()
  tf.tidy(() => {
    const half = tensorFromBytes(new Uint8Array(Uint16Array.of(0x3f80, 0xc000).buffer), [2], "bfloat16")
    const cast = [attribute.type("SrcT", DType.bfloat16), attribute.type("DstT", DType.float32)]
    expect([...backend().executeSingleOutput("Cast", cast, [half]).dataSync()]).toEqual([1, -2])
    expect(() => half.dataSync()).toThrow("TFJS cannot read a tensor of bfloat16")
    expect(readTensor(half, (values) => [...(values as Uint16Array)])).toEqual([0x3f80, 0xc000])
  })
  checkLeaks(before, "opaque")
})

test("64 MB are filled without another 64 MB", () => {
  const megabytes = 64
  const rss = () => process.memoryUsage.rss() / 2 ** 20
  const start = rss()
  let peak = 0
  const big = fillTensor([megabytes * 2 ** 18], "float32", (values) => {
    values.fill(1 as never)
    peak = rss()
  })
  peak = Math.max(peak, rss())
  expect(peak - start).toBeLessThan(megabytes + 24)
  expect(tensorBytes(big, (bytes) => bytes[bytes.length - 1])).toBe(0x3f)
  expect(rss() - start).toBeLessThan(megabytes + 24)
  big.dispose()
})
