/** Weights in 8 bits by blocks: rounding and products against plain loops in TypeScript, refusals, memory. */
import { describe, expect, test } from "bun:test"
import { fromBfloat16, seeded } from "@winnow/numerics"
import { Blocks } from "./blocks.ts"
import { nativeDecodingInUse } from "./decoder.ts"
import { native } from "./native.ts"

const f = Math.fround
/** To the nearest whole number, ties to even, as in single precision. */
const nearest = (x: number) => f(f(x + 12582912) - 12582912)

/** The least bfloat16 at or above a positive number. */
const upToBfloat16 = (x: number): number => {
  const bits = new Uint32Array(Float32Array.of(x).buffer)[0]!
  const out = new Float32Array(1)
  fromBfloat16(Uint16Array.of((bits + 0xffff) >>> 16), out)
  return out[0]!
}

/** The plain form of `native/decode-blocks.h`: each row's numbers rounded, 32 of them by one scale. */
const plainRounded = (values: Float32Array, K: number): Float32Array => {
  const rounded = new Float32Array(values.length)
  for (let row = 0; row < values.length; row += K)
    for (let k = 0; k < K; k += 32) {
      const [from, to] = [row + k, row + Math.min(K, k + 32)]
      const most = values.subarray(from, to).reduce((most, x) => Math.max(most, Math.abs(x)), 0)
      if (most < 1e-30) continue
      const scale = upToBfloat16(f(most / 127))
      for (let i = from; i < to; i++) rounded[i] = scale * nearest(f(values[i]! / scale))
    }
  return rounded
}

const numbers = (seed: number, n: number): Float32Array => {
  const rng = seeded(seed, "blocks")
  return Float32Array.from({ length: n }, (_, i) => (i % 97 < 40 ? 0 : (rng.uniform() - 0.5) * 3 ** ((i % 9) - 4)))
}

describe.skipIf(native() === undefined)("blocks (skipped: no native library)", () => {
  for (const [N, K] of [
    [1, 1],
    [1, 32],
    [33, 31],
    [32, 64],
    [70, 65],
    [5, 1000],
  ] as const)
    test(`[${N}, ${K}]: the numbers of the plain form, set in pieces`, () => {
      const inUse = nativeDecodingInUse()
      const values = numbers(K, N * K)
      const blocks = Blocks.empty("w", [N, K])
      for (let from = 0; from < N; from += 7)
        expect(blocks.set(from, values.subarray(from * K, Math.min(N, from + 7) * K))).toBe(-1)
      const widened = blocks.widened()
      const [found, expected] = [widened.dataSync() as Float32Array, plainRounded(values, K)]
      widened.dispose()
      expect(found.map((x) => x + 0)).toEqual(expected.map((x) => x + 0)) // zeros have one sign
      expect(blocks.screen()).toBeNull()
      blocks.dispose()
      blocks.dispose()
      expect(() => blocks.address).toThrow("w is disposed")
      expect(nativeDecodingInUse()).toEqual(inUse)
    })

  test("values that are not finite are found, the first of them; rows that are not there are refused", () => {
    const blocks = Blocks.empty("w", [40, 50])
    for (const odd of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const values = numbers(3, 40 * 50)
      values[1234] = odd
      values[1700] = Number.NaN
      expect(blocks.set(0, values)).toBe(1234)
    }
    expect(() => blocks.set(39, new Float32Array(100))).toThrow("w [40, 50]: 100 values are no rows from row 39 on")
    expect(() => blocks.set(0, new Float32Array(51))).toThrow("51 values are no rows")
    blocks.dispose()
    expect(() => Blocks.empty("w", [40])).toThrow("w of shape [40] cannot be in 8 bits")
  })
})
