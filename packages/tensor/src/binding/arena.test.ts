/** Memory for C: C reads the written values, for any size. */

import { toArrayBuffer } from "bun:ffi"
import { expect, test } from "bun:test"
import { Arena } from "./arena.ts"

type Pointer = Parameters<typeof toArrayBuffer>[0]
const at = (address: number, bytes: number) => toArrayBuffer(address as Pointer, 0, bytes).slice(0)

test("integers of 64 bits, as numbers and bigints, of both signs", () => {
  const values = [
    0,
    1,
    -1,
    2 ** 31,
    -(2 ** 31),
    2 ** 32,
    -(2 ** 32) - 1,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
  ]
  const big = [2n ** 63n - 1n, -(2n ** 63n), -1n]
  const address = new Arena().int64s([...values, ...big])
  expect([...new BigInt64Array(at(address, 8 * 12))]).toEqual([...values.map(BigInt), ...big])
})

test("the contents of an outgrown block stay until the call ends", () => {
  const arena = new Arena()
  const early = arena.int32s([1, 2, 3])
  const long = arena.float32s(Array.from({ length: 100_000 }, (_, i) => i))
  Bun.gc(true)
  expect([...new Int32Array(at(early, 12))]).toEqual([1, 2, 3])
  expect(new Float32Array(at(long, 400_000))[99_999]).toBe(99_999)
})

test("room for outputs is zeroed, and read back as addresses", () => {
  const arena = new Arena()
  arena.int64s([-1, -1, -1])
  arena.reset()
  const room = arena.words(3)
  expect([0, 1, 2].map((i) => arena.word(room, i))).toEqual([0, 0, 0])
  new BigUint64Array(toArrayBuffer(room as Pointer, 0, 24)).set([0x7fff_1234_5678n, 5n, 0n])
  expect(arena.word(room, 0)).toBe(0x7fff_1234_5678)
  arena.setInt32(room + 8, -7)
  expect(arena.int32(room + 8)).toBe(-7)
})

test("names stay where they are, one address each, longer than a block too", () => {
  const arena = new Arena()
  const names = Array.from({ length: 3000 }, (_, i) => `name-${i}`)
  const addresses = names.map((name) => arena.name(name))
  const long = arena.name("x".repeat(50_000))
  Bun.gc(true)
  expect(names.map((name) => arena.name(name))).toEqual(addresses)
  for (const [i, name] of names.entries())
    expect(Buffer.from(at(addresses[i]!, name.length + 1)).toString()).toBe(`${name}\0`)
  expect(Buffer.from(at(long, 50_001)).toString()).toBe(`${"x".repeat(50_000)}\0`)
  expect(() => arena.name("a\0b")).toThrow("zero byte")
})
