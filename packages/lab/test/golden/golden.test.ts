/**
 * Numbers stay the same until a revision is raised: small runs give the stored sums, on each path of the arithmetic.
 */
import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { revisions } from "../../src/store/code/revisions.ts"
import { goldenSums } from "./run.ts"
import { changedIn, Golden, revisionOf, type Sums } from "./sums.ts"

const golden = Golden.assert(JSON.parse(readFileSync(join(import.meta.dir, "golden.json"), "utf8")))
const remedy =
  "if that is meant, raise the revision in store/code/revisions.ts and run `bun packages/lab/test/golden/store.ts`"

test("the stored sums are of today's revisions", () => {
  expect(golden.revisions).toEqual({ ...revisions })
})

for (const native of ["", "off"])
  test(`the golden runs give the stored sums, ${native === "" ? "native" : "plain operations"}`, async () => {
    const { machine, sums } = await goldenSums(native)
    const exact = Object.hasOwn(golden.machines, machine)
    // Another processor rounds differently: its figures must be close to those of a known one, on the same kind of
    // path.
    const isPlain = (name: string) => / none /.test(name)
    const like = Object.keys(golden.machines).find((name) => isPlain(name) === isPlain(machine))!
    const stored: Sums = golden.machines[exact ? machine : like]!
    if (!exact) console.log(`no sums of "${machine}" are stored: figures are compared within a tolerance`)
    const changed = changedIn(stored, sums, exact).map((name) => {
      const revision = revisionOf[sums[name]?.kind ?? ""] ?? "?"
      return `${name}: other numbers at revision ${revision} ${golden.revisions[revision]}; ${remedy}`
    })
    expect(changed).toEqual([])
    expect(Object.keys(sums).length).toBeGreaterThan(70)
  })

test("a change of one bit is seen where the arithmetic is known, and a change of a percent everywhere", () => {
  const sums = { a: { hash: "1", figures: [100, 0] } }
  expect(changedIn(sums, { a: { hash: "2", figures: [100, 0] } }, true)).toEqual(["a"])
  expect(changedIn(sums, { a: { hash: "2", figures: [100.01, 0] } }, false)).toEqual([])
  expect(changedIn(sums, { a: { hash: "1", figures: [101, 0] } }, false)).toEqual(["a"])
  expect(changedIn(sums, {}, false)).toEqual(["a"])
  expect(changedIn(sums, { ...sums, b: sums.a }, true)).toEqual(["b"])
})
