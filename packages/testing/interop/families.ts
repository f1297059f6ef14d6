/**
 * The table of families in docs/interop.md: each golden file is checked, and the record of the largest distances is written.
 *
 *   bun packages/testing/interop/families.ts    # writes results/benchmarks/<today>-families.json and the table
 *   bunx biome check --write docs/interop.md    # gives the table its widths
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Family } from "@winnow/core"
import { openEngine } from "@winnow/tensor"
import { Glob } from "bun"
import { checkGolden, type GoldenPart, readGolden } from "../src/index.ts"

const root = join(import.meta.dir, "../../..")
const page = join(root, "docs/interop.md")
const isFamily = (value: unknown): value is Family => typeof value === "function" && "fromConfig" in value

await openEngine()
const date = new Date().toISOString().slice(0, 10)
const record: Record<string, unknown> = { date }
const rows: Array<string> = []
/** A folder may hold several families, each with a golden file: that of the second one is called golden-NAME. */
for (const path of [...new Glob("model-*/golden*.json.gz").scanSync(join(root, "plugins"))].toSorted()) {
  const file = join(root, "plugins", path)
  const [folder = ""] = path.split("/")
  const type = readGolden(file).cases[0]!.config["model_type"]
  const exported = Object.values(await import(join(root, "plugins", folder, "src/index.ts"))).filter(isFamily)
  const family = exported.find(({ plugin }) => plugin === type)
  if (family === undefined) throw new Error(`plugins/${path} is of ${type}, which plugins/${folder} does not export`)
  const farthest: Record<GoldenPart, number> = { whole: 0, cached: 0, step: 0 }
  const counts = checkGolden(family, file, (part, distance) => {
    farthest[part] = Math.max(farthest[part], distance)
  })
  record["conditions"] ??= readGolden(file).made_by
  const name = path.replace("/golden", "").replace(".json.gz", "").slice("model-".length)
  record[name] = { ...counts, ...farthest }
  const millionths = (x: number) => (x === 0 ? "" : (x * 1e6).toFixed(1)).padStart(9)
  const { whole, cached, step } = farthest
  const cells = [name.padEnd(11), `${counts.computed}`.padStart(8), `${counts.refused}`.padStart(7)]
  rows.push(`| ${[...cells, ...[whole, cached, step].map(millionths)].join(" | ")} |`)
}
writeFileSync(join(root, `results/benchmarks/${date}-families.json`), `${JSON.stringify(record)}\n`)
const text = readFileSync(page, "utf8")
const [before, , after] = text.split(/(?<=\| -+: \|\n)((?:\| \w[^\n]*\n)+)(?=\n<!-- end of families -->)/)
if (after === undefined) throw new Error(`${page} has no table of families, which ends in <!-- end of families -->`)
writeFileSync(page, `${before}${rows.join("\n")}\n${after}`)
console.log(rows.join("\n"))
