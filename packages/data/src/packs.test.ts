import { describe, expect, test } from "bun:test"
import { seeded } from "@winnow/numerics"
import { packsByLength } from "./packs.ts"

const padded = (pack: ReadonlyArray<number>) => pack.length * Math.max(...pack)

describe("packs of sequences", () => {
  for (const order of ["shortest first", "longest first"] as const)
    test(`${order}: every sequence once, in order of length, none beyond the bound, none that the next could have joined`, () => {
      for (let seed = 0; seed < 200; seed++) {
        const rng = seeded(seed, "packs")
        const lengths = Array.from({ length: rng.below(30) }, () => 1 + rng.below(40))
        const positions = 1 + rng.below(200)
        const packs = packsByLength(lengths, (length) => length, positions, order)
        const sorted = lengths.toSorted((a, b) => (order === "shortest first" ? a - b : b - a))
        expect(packs.flat()).toEqual(sorted)
        for (const [i, pack] of packs.entries()) {
          if (pack.length > 1) expect(padded(pack)).toBeLessThanOrEqual(positions)
          const next = packs[i + 1]?.[0]
          if (next !== undefined) expect(padded([...pack, next])).toBeGreaterThan(positions)
        }
      }
    })

  test("equal lengths stay in the order in which they came", () => {
    const items = ["b2", "a1", "c2", "d1", "e2"]
    const packs = (order: "shortest first" | "longest first") =>
      packsByLength(items, (item) => Number(item[1]), 4, order).map((pack) => pack.join(" "))
    expect(packs("shortest first")).toEqual(["a1 d1", "b2 c2", "e2"])
    expect(packs("longest first")).toEqual(["b2 c2", "e2 a1", "d1"])
    expect(packsByLength([], () => 1, 4, "longest first")).toEqual([])
  })
})
