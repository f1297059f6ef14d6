import { expect, test } from "bun:test"
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { byteTokenizer, tokenizerFiles } from "@winnow/data"
import { Effect } from "effect"
import { echo } from "../../test/tiny.ts"
import { tokenizerStage } from "../stages/text.ts"
import { codeVersion, houseRoot, moduleFiles, moduleHash, oneDnnProducts, tensorCodeVersion } from "./code-version.ts"

/** A module that imports `b`, which imports `c`; `d` stands beside them. */
const modules = (c: string, d: string) => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-code-"))
  const files = {
    "a.ts": 'import { b } from "./b.ts"\nexport const a = () => b()',
    "b.ts": 'import { c } from "./c.ts"\nimport "./a.ts"\nexport const b = () => c',
    "c.ts": `export const c = ${c}`,
    "d.ts": `export const d = ${d}`,
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return moduleHash(join(folder, "a.ts"))
}

test("a module's hash is of all that it imports, in whatever folder, and of nothing else", () => {
  expect(modules("1", "1")).toBe(modules("1 // one", "2"))
  expect(modules("1", "1")).not.toBe(modules("2", "1"))
})

test("a stage's module reaches the files of the lab that decide what it writes", () => {
  const lab = join(houseRoot, "packages/lab/src")
  const pretrain = moduleFiles(join(lab, "stages/pretrain.ts"))
  const files = ["budget.ts", "stages/training.ts", "stages/text.ts"]
  for (const file of files) expect(pretrain).toContain(join(lab, file))
  const measure = moduleFiles(join(lab, "stages/measure.ts"))
  for (const file of ["stages/rollouts.ts", "stages/text.ts"]) expect(measure).toContain(join(lab, file))
  expect(measure).not.toContain(join(lab, "table.ts"))
  for (const file of ["stage.ts", "store/store.ts", "experiment/resolve.ts"])
    expect(pretrain).not.toContain(join(lab, file))
})

test("only unset and STRICT are float32 products; the engine counts where tensors are computed", () => {
  expect([undefined, "", "strict", "BF16", "F16", "TF32", "ANY"].map(oneDnnProducts)).toEqual([
    "float32",
    "float32",
    "float32",
    "bfloat16",
    "F16",
    "TF32",
    "ANY",
  ])
  expect(tensorCodeVersion(["core"])).not.toBe(codeVersion(["core"]))
})

test("a tokenizer from a file is another one with another tokenizer_config.json", async () => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-tokenizer-"))
  const key = async () => (await Effect.runPromise(tokenizerStage(echo(), { kind: "file", path: folder }))).key
  for (const [name, text] of Object.entries(tokenizerFiles(byteTokenizer))) writeFileSync(join(folder, name), text)
  const before = await key()
  expect(await key()).toBe(before)
  writeFileSync(join(folder, "tokenizer_config.json"), '{"eos_token":"x"}')
  expect(await key()).not.toBe(before)
})
