/** Broken files of experiments: each is named with file and line, and does not affect the others. */
import { expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import {
  type ExperimentFile,
  experimentNamed,
  findExperiments,
  listExperiments,
  loadExperiment,
} from "./experiments.ts"

const house = join(import.meta.dir, "../../..")
const folder = mkdtempSync(join(tmpdir(), "winnow-experiments-"))

/** An experiment's folder with these files. */
const written = (slug: string, files: Readonly<Record<string, string>>): ExperimentFile => {
  mkdirSync(join(folder, slug))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, slug, name), text)
  return { slug, file: join(folder, slug, "experiment.ts") }
}
const message = async (found: ExperimentFile) => (await Effect.runPromise(Effect.flip(loadExperiment(found)))).message

const sound = `export default { name: "sound", question: "Is it?", task: {}, arms: { all: {} }, seeds: [1] }`
const plugin = (name: string) => `import { defineFilter } from "${house}/packages/core/src/index.ts"
import { type } from "${house}/node_modules/arktype/out/index.js"

export const mine = defineFilter({
  name: "mine",
  needs: ["${name}"],
  options: type({ "+": "reject" }),
  make: () => ({ N }) => new Uint8Array(N).fill(1),
})`

const broken: ReadonlyArray<readonly [slug: string, files: Record<string, string>, message: RegExp]> = [
  [
    "001-syntax",
    { "experiment.ts": "const a = {\n  b: 1,\n  c:\n}\nexport default a" },
    /Unexpected } \(.*001-syntax\/experiment\.ts:4\)$/,
  ],
  [
    "002-syntax-inside",
    { "experiment.ts": 'import { a } from "./a.ts"\nexport default a', "a.ts": "export const a = 1 +\n" },
    /\(.*002-syntax-inside\/a\.ts:\d+\)$/,
  ],
  [
    "003-no-export",
    {
      "experiment.ts": '// about nothing\nimport { nothing } from "./a.ts"\nexport default nothing',
      "a.ts": "export const a = 1",
    },
    /Export named 'nothing' not found in module .* \(.*003-no-export\/experiment\.ts:2\)$/,
  ],
  [
    "004-no-module",
    { "experiment.ts": '\n\nimport { a } from "./nowhere.ts"\nexport default a' },
    /Cannot find module '.\/nowhere.ts' .*\(.*004-no-module\/experiment\.ts:3\)$/,
  ],
  [
    "005-throws",
    { "experiment.ts": "const f = (x: { a: { b: number } }) => x.a.b\n\nexport default f({} as never)" },
    /undefined is not an object .*\(.*005-throws\/experiment\.ts:1\)$/,
  ],
  ["006-throws-text", { "experiment.ts": 'throw "no"' }, /006-throws-text\/experiment\.ts: "no"$/],
  ["007-no-default", { "experiment.ts": "export const a = 1" }, /has no experiment as its default export/],
  [
    "008-plugin",
    { "experiment.ts": 'import { mine } from "./mine.ts"\nexport default { mine }', "mine.ts": plugin("draftLos_N") },
    /filter mine: its needs names "draftLos_N", which is no statistic; did you mean draftLoss_N\? \(.*008-plugin\/mine\.ts:4\)$/,
  ],
]

const files = broken.map(([slug, contents, expected]) => ({ found: written(slug, contents), expected }))
for (const { found, expected } of files)
  test(`${found.slug} is wrong input, with its place`, async () => {
    const text = await message(found)
    expect(text).toStartWith(`${found.file}: `)
    expect(text).toMatch(expected)
    expect(text.length).toBeLessThan(700)
  })

test("a broken experiment is listed with its fault, the others unchanged", async () => {
  written("009-sound", { "experiment.ts": sound })
  written("010-no-arms", { "experiment.ts": sound.replace("arms: { all: {} }, ", "") })
  const rows = await Effect.runPromise(listExperiments(findExperiments(folder)))
  expect(rows.map(({ slug }) => slug)).toEqual([...files.map(({ found }) => found.slug), "009-sound", "010-no-arms"])
  for (const { found, expected } of files) expect(rows.find(({ slug }) => slug === found.slug)!.fault).toMatch(expected)
  expect(rows.find(({ slug }) => slug === "009-sound")).toEqual({
    slug: "009-sound",
    part: null,
    presets: [],
    name: "sound",
    question: "Is it?",
    arms: ["all"],
    seeds: [1],
    fault: null,
  })
  expect(rows.at(-1)!.fault).toBe("experiments/010-no-arms/experiment.ts: has no arms")
})

test("a file that is not UTF-8 is refused, also one that the experiment imports", async () => {
  const latin = (text: string) => Buffer.from(text, "latin1")
  const found = written("011-latin", {
    "experiment.ts": `import { q } from "./q.ts"\n${sound.replace('"Is it?"', "q")}`,
  })
  writeFileSync(join(folder, "011-latin", "q.ts"), latin('// text\nexport const q = "caf\u00e9?"\n'))
  expect(await message(found)).toMatch(/is not UTF-8; save it in that encoding \(.*011-latin\/q\.ts:2\)$/)
})

test("a preset named as what every object has is none", async () => {
  const found = { slug: "009-sound", file: join(folder, "009-sound", "experiment.ts") }
  for (const preset of ["constructor", "__proto__", "toString"])
    expect((await Effect.runPromise(Effect.flip(loadExperiment(found, preset)))).message).toContain(
      `has no preset ${preset}`,
    )
})

test("a long name is not repeated whole", async () => {
  const error = await Effect.runPromise(Effect.flip(experimentNamed("x".repeat(100_000))))
  expect(error.message.length).toBeLessThan(1000)
})
