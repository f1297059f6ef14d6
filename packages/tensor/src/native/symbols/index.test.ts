/** The table of all functions is complete: each file of this folder is in it. */
import { expect, test } from "bun:test"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

test("every table in this folder is in the table of all", () => {
  const all = readFileSync(join(import.meta.dir, "index.ts"), "utf8")
  const tables = readdirSync(import.meta.dir)
    .filter((file) => !file.startsWith("index."))
    .flatMap((file) => [
      ...readFileSync(join(import.meta.dir, file), "utf8").matchAll(/^export const (\w+Symbols) = \{/gm),
    ])
  expect(tables.length).toBeGreaterThan(3)
  for (const [, table] of tables) expect(all).toContain(`...${table}`)
})
