import { expect, test } from "bun:test"
import { mkdtempSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { houseRoot, isHouseSource } from "./house.ts"
import { enter, moduleGraph } from "./module-graph.ts"

/** The graph of `a.ts`, which lies beside these files. */
const graphOf = (files: Readonly<Record<string, string>>) => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-graph-"))
  symlinkSync(join(houseRoot, "node_modules"), join(folder, "node_modules"))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const { files: found, packages, untold } = moduleGraph([join(folder, "a.ts")])
  const names = [...found].map(([file, hash]) => [file.slice(folder.length + 1), hash] as const)
  return { files: new Map(names), packages, untold: untold.map((text) => text.replaceAll(`${folder}/`, "")) }
}
const untoldIn = (text: string) => graphOf({ "a.ts": text }).untold

test("a graph holds all that is imported, in circles too, and nothing else; types are not imported", () => {
  const { files, untold } = graphOf({
    "a.ts": 'import { b } from "./b.ts"\nimport type { D } from "./d.ts"\nexport const a = (d: D) => [d, b()]',
    "b.ts":
      'import "./a.ts"\nimport data from "./data.json"\nexport const b = () => data\nexport const c = () => import("./c.ts")',
    "c.ts": "export const c = 1",
    "d.ts": "export interface D { readonly d: number }",
    "e.ts": "export const e = 1",
    "data.json": "{}",
  })
  expect([...files.keys()].toSorted()).toEqual(["a.ts", "b.ts", "c.ts", "data.json"])
  expect(untold).toEqual([])
})

test("comments, types and line breaks change no hash; a number does", () => {
  const hash = (text: string) => graphOf({ "a.ts": text }).files.get("a.ts")
  expect(hash("export const a: number =\n  1 // one")).toBe(hash("export const a = 1"))
  expect(hash("export const a = 2")).not.toBe(hash("export const a = 1"))
})

test("the house's packages are left out, packages of node_modules count by their version", () => {
  const { files, packages } = graphOf({
    "a.ts":
      'import { topFraction } from "@winnow/numerics"\nimport { type } from "arktype"\nexport const a = [topFraction, type]',
  })
  expect([...files.keys()]).toEqual(["a.ts"])
  expect([...packages]).toEqual([["arktype", expect.stringMatching(/^2\.2\.9 [0-9a-f]{16}$/)]])
  expect(isHouseSource(join(houseRoot, "packages/core/src/plugin.ts"))).toBe(true)
  expect(isHouseSource(join(houseRoot, "packages/engine/src/doctor/findings.ts"))).toBe(true) // A remedy of the doctor leads to no new training.
  expect(isHouseSource(join(houseRoot, "packages/lab/test/tiny.ts"))).toBe(false)
  expect(isHouseSource(join(houseRoot, "plugins/loss-kl/src/index.ts"))).toBe(false)
})

test("each way to reach outside of the files is found", () => {
  const cases: ReadonlyArray<readonly [text: string, reason: RegExp]> = [
    ["export const a = process.env.A", /a\.ts reads the environment/],
    ['export const a = Bun["env"].A', /reads the environment/],
    ["export const a = () => process.argv[2]", /reads the command line/],
    ["export const a = () => Math.random()", /random numbers without a seed/],
    ["export const a = () => Date.now() + performance.now()", /reads the clock/],
    ["export const a = () => new Date()", /reads the clock/],
    ['export const a = Bun.file("x")', /reads what lies outside/],
    ['export const a = () => fetch("http://x")', /reads what lies outside/],
    ['import { readFileSync } from "node:fs"\nexport const a = readFileSync("x")', /imports node:fs/],
    ['import { readFile } from "fs/promises"\nexport const a = readFile("x")', /imports fs\/promises/],
    ['export const a = (x: string) => import("./" + x)', /a module by a computed name/],
    ["export const a = (x: string) => new Function(x)", /text as code/],
    ["let a = 1\nexport const set = (x: number) => { a = x }", /a variable at its top level/],
    ['import { b } from "./nowhere.ts"\nexport const a = b', /imports \.\/nowhere\.ts, which cannot be found/],
  ]
  for (const [text, reason] of cases) expect(untoldIn(text)).toEqual([expect.stringMatching(reason)])
})

test("state that an imported factory leaves at the top level is found; state that each call creates is not", () => {
  const counter = "export const makeCounter = () => { let n = 0; return () => n++ }"
  const untold = (a: string) => graphOf({ "a.ts": a, "counter.ts": counter }).untold
  expect(untold('import { makeCounter } from "./counter.ts"\nexport const next = makeCounter()')).toEqual([
    "a.ts keeps at its top level what makeCounter makes, which has state, so that a result may depend on earlier calls",
  ])
  expect(untold('import { makeCounter } from "./counter.ts"\nexport const a = () => makeCounter()()')).toEqual([])
})

test("code that stays within its files is not suspected", () => {
  const text = `
enum Order { Top, Bottom }
export const a = (n: number) => { let sum = 0; for (let i = 0; i < n; i++) sum += i; return sum }
export const date = new Date("2026-01-01")
export const order = Order.Top
`
  expect(untoldIn(text)).toEqual([])
})

test("a file that is imported as text counts with its exact text", () => {
  const text = (written: string) =>
    graphOf({ "a.ts": 'import t from "./t.ts" with { type: "text" }\nexport const a = t', "t.ts": written }).files.get(
      "t.ts",
    )
  expect(text("// 1\nexport const t = 1")).not.toBe(text("// 2\nexport const t = 1"))
})

test("the files of every plugin here determine its results", async () => {
  const plugins = [...new Bun.Glob("plugins/*/src/index.ts").scanSync(houseRoot)]
  expect(plugins.length).toBeGreaterThan(10)
  const { files, untold } = moduleGraph(plugins.map((file) => join(houseRoot, file)))
  expect(untold).toEqual([])
  // The graph has no file of a package: a change there that moves no number keeps every artifact.
  expect([...files.keys()].filter((file) => !file.startsWith(join(houseRoot, "plugins")))).toEqual([])
})

test("a graph that is asked again is the same; an experiment that is entered later and changes a value counts at once", () => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-graph-"))
  symlinkSync(join(houseRoot, "node_modules"), join(folder, "node_modules"))
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const a = write("a.ts", 'import { b } from "./b.ts"\nexport const a = () => b.size')
  write("b.ts", "export const b = { size: 1 }")
  const first = moduleGraph([a])
  expect(moduleGraph([a])).toEqual(first)
  expect(first.files.size).toBe(2)
  enter(write("other.ts", "export const c = 1"))
  expect(moduleGraph([a])).toEqual(first)
  enter(write("experiment.ts", 'import { b } from "./b.ts"\nb.size = 2'))
  expect([...moduleGraph([a]).files.keys()]).toEqual([...first.files.keys(), join(folder, "experiment.ts")])
})

test("the graph of a plugin that is asked after all others is the one of a fresh process", async () => {
  const plugins = [...new Bun.Glob("plugins/*/src/index.ts").scanSync(houseRoot)].map((file) => join(houseRoot, file))
  const known = plugins.map((file) => [...moduleGraph([file]).files])
  const script = `
import { moduleGraph } from ${JSON.stringify(join(import.meta.dir, "module-graph.ts"))}
const plugins = ${JSON.stringify(plugins.toReversed())}
console.log(JSON.stringify(plugins.map((file) => [...moduleGraph([file]).files])))`
  const { stdout } = Bun.spawnSync([process.execPath, "-e", script])
  expect(JSON.parse(stdout.toString()).toReversed()).toEqual(known)
})
