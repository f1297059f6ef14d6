/**
 * `bun packages/lab/test/golden/store.ts`: stores the sums of this machine in golden.json, by native code and without. Sums of
 * other machines stay where no revision was raised; a raised revision drops them, as nobody has run them yet.
 */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { writeWhole } from "@winnow/files"
import { revisions } from "../../src/store/code/revisions.ts"
import { goldenSums } from "./run.ts"
import { Golden, type Sums } from "./sums.ts"

const file = join(import.meta.dir, "golden.json")
const before = existsSync(file)
  ? Golden.assert(JSON.parse(readFileSync(file, "utf8")))
  : { revisions: {}, machines: {} }
const same = JSON.stringify(before.revisions) === JSON.stringify(revisions)
const machines: Record<string, Sums> = same ? { ...before.machines } : {}
for (const native of ["", "off"]) {
  const { machine, sums } = await goldenSums(native)
  machines[machine] = Object.fromEntries(
    Object.entries(sums).map(([name, { hash, figures }]) => [
      name,
      { hash, figures: figures.map((x) => Number(x.toPrecision(9))) },
    ]),
  )
  console.log(`${Object.keys(sums).length} sums: ${machine}`)
}
writeWhole(file, `${JSON.stringify({ revisions, machines }, null, 1)}\n`)
