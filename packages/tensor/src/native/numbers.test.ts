/** Numbers of files in float32: the bits of JavaScript's own conversion, and the first value that is not finite. */
import { describe, expect, test } from "bun:test"
import { fromBfloat16 } from "@winnow/numerics"
import { native } from "./native.ts"
import { nativeNumbers } from "./numbers.ts"

const numbers = nativeNumbers()

describe.skipIf(native() === undefined)("numbers of files (skipped: no native library)", () => {
  /** Every number of 16 bits, four times and a few more: an odd length, and work for every thread. */
  const every = Uint16Array.from({ length: 5 * 2 ** 18 + 7 }, (_, i) => i)

  test("float16: every number has the value that Float16Array gives it", () => {
    const into = new Float32Array(every.length)
    numbers!.fromFloat16(every, into)
    const expected = Float32Array.from(new Float16Array(every.buffer))
    let different = 0
    for (let i = 0; i < into.length; i++) if (!Object.is(into[i], expected[i])) different++
    expect(different).toBe(0)
  })

  test("bfloat16: every number has the bits of the plain form", () => {
    const [into, expected] = [new Float32Array(every.length), new Float32Array(every.length)]
    numbers!.fromBfloat16(every, into)
    fromBfloat16(every, expected)
    expect(Buffer.compare(new Uint8Array(into.buffer), new Uint8Array(expected.buffer))).toBe(0)
  })

  test("no numbers, and arrays of two lengths", () => {
    numbers!.fromFloat16(new Uint16Array(0), new Float32Array(0))
    expect(numbers!.firstNonFinite(new Float32Array(0))).toBe(-1)
    for (const convert of [numbers!.fromFloat16, numbers!.fromBfloat16])
      expect(() => convert(new Uint16Array(3), new Float32Array(2))).toThrow("3 numbers have no place in an array of 2")
  })
})
