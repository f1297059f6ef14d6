import { expect, test } from "bun:test"
import { charsmapProblem } from "./charsmap.ts"

/** A charsmap of 256 units in which "a" (97) becomes a text; offsets are exclusive-or'ed, as in darts-clone. */
const charsmap = (place: number, units = 256): string => {
  const bytes = Buffer.alloc(4 + 4 * units + 2)
  bytes.writeUInt32LE(4 * units, 0)
  const set = (at: number, value: number) => bytes.writeUInt32LE(value >>> 0, 4 + 4 * at)
  set(97, 97 | (1 << 8) | (1 << 10)) // Label, has a leaf, offset 1.
  set(96, 0x80000000 | place)
  bytes.write("x\0", 4 + 4 * units)
  return bytes.toString("base64")
}

test("a table that every text can be looked up in is fine; one that leads out of itself is named", () => {
  expect(charsmapProblem(charsmap(0))).toBeUndefined()
  expect(charsmapProblem(charsmap(2))).toBeUndefined() // The empty text at the end.
  expect(charsmapProblem(charsmap(3))).toContain("begins at 3 of 2")
  expect(charsmapProblem(charsmap(0, 200))).toContain("leads to unit 200 of 200")
  expect(charsmapProblem("AAAAAA==")).toContain("its trie has 0 of 4 bytes")
  expect(charsmapProblem("AAA=")).toContain("too short")
})
