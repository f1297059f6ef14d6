/** Halves that are mapped from a file: the same numbers as copied ones, while the file is closed and gone; freed once. */
import { afterAll, describe, expect, test } from "bun:test"
import { closeSync, mkdtempSync, openSync, rmSync, unlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { nativeDecodingInUse } from "./decoder.ts"
import { Halves, valuesOf } from "./halves.ts"
import { native } from "./native.ts"

const root = mkdtempSync(join(tmpdir(), "winnow-mapped-"))
afterAll(() => rmSync(root, { recursive: true }))

const [rows, columns] = [300, 64]
/** A file with `before` bytes ahead of the numbers. */
const fileOf = (before: number) => {
  const bits = Uint16Array.from({ length: rows * columns }, (_, i) => 0x3f00 + (i % 251))
  const path = join(root, `${before}`)
  writeFileSync(path, Buffer.concat([Buffer.alloc(before, 0xff), new Uint8Array(bits.buffer)]))
  return { path, bits }
}

describe.skipIf(native() === undefined)("mapped halves (skipped: no native library)", () => {
  for (const before of [0, 8, 4092, 4096, 70_004])
    test(`${before} bytes into the file`, () => {
      const inUse = [nativeDecodingInUse().count, nativeDecodingInUse().bytes]
      const { path, bits } = fileOf(before)
      const fd = openSync(path, "r")
      const mapped = Halves.map("w", [rows, columns], { fd, begin: before })!
      closeSync(fd)
      unlinkSync(path)
      const copied = Halves.fill("w", [rows, columns], (values) => values.set(bits))
      expect(mapped.mapped && !copied.mapped).toBe(true)
      expect(mapped.firstNonFinite()).toBe(-1)
      expect(valuesOf(mapped)).toEqual(valuesOf(copied))
      for (const one of [mapped, copied]) {
        one.dispose()
        one.dispose()
        expect(() => one.address).toThrow("w is disposed")
      }
      expect([nativeDecodingInUse().count, nativeDecodingInUse().bytes]).toEqual(inUse)
    })

  test("numbers that do not lie at a multiple of four bytes are not mapped, nor those of another kind of shape", () => {
    const { path } = fileOf(6)
    const fd = openSync(path, "r")
    expect(Halves.map("w", [rows, columns], { fd, begin: 6 })).toBeUndefined()
    expect(() => Halves.map("w", [rows, 33], { fd, begin: 8 })).toThrow("w of shape [300,33] cannot stay in bfloat16")
    closeSync(fd)
    expect(Halves.map("w", [rows, columns], { fd: 9999, begin: 0 })).toBeUndefined()
  })
})
