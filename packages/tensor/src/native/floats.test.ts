/** Floats that are mapped from a file: the same numbers as copied ones, while the file is closed and gone; freed once. */
import { afterAll, expect, test } from "bun:test"
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { seeded } from "@winnow/numerics"
import { nativeDecodingInUse } from "./decoder.ts"
import { Floats } from "./floats.ts"
import { native } from "./native.ts"

const root = mkdtempSync(join(tmpdir(), "winnow-floats-"))
afterAll(() => rmSync(root, { recursive: true }))

const shape = [37, 29]
const rng = seeded(1, "floats")
const values = Float32Array.from({ length: 37 * 29 }, () => rng.normal())

/** Maps the values from so many bytes into a file, which is closed and removed. */
const mappedAt = (before: number, numbers: Float32Array): Floats | undefined => {
  const file = join(root, "weights")
  writeFileSync(file, Buffer.concat([Buffer.alloc(before), Buffer.from(numbers.buffer)]))
  const fd = openSync(file, "r")
  try {
    return Floats.map("w", shape, { fd, begin: before })
  } finally {
    closeSync(fd)
    rmSync(file)
  }
}

test.skipIf(native() === undefined)("mapped at any multiple of four bytes; other places are not mapped", () => {
  const before = nativeDecodingInUse()
  for (const bytes of [0, 8, 4092, 4096, 70_004]) {
    const mapped = mappedAt(bytes, values)!
    const wide = mapped.widened()
    expect(wide.dataSync()).toEqual(values)
    expect(mapped.firstNonFinite()).toBe(-1)
    wide.dispose()
    for (const _ of [1, 2]) mapped.dispose()
    expect(() => mapped.address).toThrow("w is disposed")
  }
  expect(mappedAt(2, values)).toBeUndefined()
  const odd = mappedAt(8, values.with(500, Number.NaN))!
  expect(odd.firstNonFinite()).toBe(500)
  odd.dispose()
  expect(nativeDecodingInUse()).toEqual(before)
})
