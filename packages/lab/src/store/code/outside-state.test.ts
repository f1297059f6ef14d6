import { expect, test } from "bun:test"
import { namesIn } from "./names.ts"
import { outsideState } from "./outside-state.ts"

const javascript = new Bun.Transpiler({ loader: "ts", deadCodeElimination: false })
const outside = (text: string) => outsideState(namesIn(javascript.transformSync(text)))

test("what reaches outside of its text is found, however it is written", () => {
  const texts = [
    'import { randomInt } from "node:crypto"\nexport const a = () => randomInt(5)',
    'import { createRequire } from "node:module"\nexport const a = createRequire(import.meta.url)("./x.json")',
    "const { env } = process\nexport const a = env.A",
    "const { random } = Math\nexport const a = () => random()",
    "const D = Date\nexport const a = () => D.now()",
    "export const a = () => Date()",
    "export const a = () => Bun.nanoseconds()",
    "export const a = () => process.hrtime()",
    "export const a = process.cwd().length",
    'export const a = process["argv"][2]',
    'const { file } = Bun\nexport const a = file("x")',
    'export const a = Bun["file"]("x")',
    "export const a = (global as any).floor",
    "export const a = (globalThis as any).floor",
    "const g = globalThis as any\nexport const a = g.floor",
    "export const a = self.floor",
    "const state = { floor: 1 }\nexport const set = (f: number) => { state.floor = f }\nexport const a = () => state.floor",
    "export const state: number[] = []\nexport const add = (n: number) => state.push(n)",
    "const m = new Map()\nexport const add = (n: number) => m.set(1, n)",
    'import { readRegularText } from "@winnow/files"\nexport const a = readRegularText',
    'import process from "node:process"\nexport const a = process.env.A',
    'import * as v8 from "node:v8"\nexport const a = v8',
    "export const a = Bun.main",
    'export const a = import.meta.require("./x.json")',
    'const r = require\nexport const a = r("./x.json")',
    'export const a = Reflect.get(globalThis, "floor")',
    'export const a = process.getBuiltinModule("fs")',
    "export class S { static floor = 1; static set(f: number) { S.floor = f } }\nexport const a = () => S.floor",
    "function f() { f.n = (f.n ?? 0) + 1; return f.n }\nexport const a = f",
    "export const a = () => navigator.hardwareConcurrency",
    "export const a = () => crypto.randomUUID()",
    "export const a = () => Temporal.Now.instant()",
    'export const a = () => new WebSocket("x")',
    'export const a = () => fetch ("x")',
    'import { Config } from "effect"\nexport const a = Config.string("X")',
  ]
  expect(texts.filter((text) => outside(text) === undefined)).toEqual([])
})

test("what only spells such a name, or keeps its state within its calls, is not suspected", () => {
  const texts = [
    'export const a = (x: number) => { if (x < 0) throw new Error("process.env is not read, Math.random neither; fetch (x)"); return x }',
    "const table = [1, 2, 3]\nexport const a = () => table[0]",
    "export const a = () => { let average: number | null = null; return (x: number) => { average = x; return average } }",
    "export const a = `Date.now() is text`",
    "const cut = new Float32Array([0, 1, 3])\nexport const a = (n: number) => cut[n]",
    'const lookup = new Map([["a", 1]])\nexport const a = (n: string) => lookup.get(n)',
    "class Average { sum = 0; add(x: number) { this.sum += x; return this.sum } }\nexport const a = () => new Average()",
    'export default class A { static readonly name2 = "a" }',
    "export const a = (batch: { process: number }) => batch.process + ({ process: 1 }).process",
    'const words = ["x"]\nfor (const i of [1, 2]) words[i] = "y"\nexport const a = words',
    'import { createHash } from "node:crypto"\nexport const a = (t: string) => createHash("sha256").update(t).digest("hex")',
    'import { join } from "node:path"\nexport const a = join("a", "b")',
    'import assert from "node:assert"\nexport const a = (x: number) => assert(x > 0)',
    "export const a = (self: number) => self + 1",
    "const out = new Float32Array(4)\nexport const a = 1",
    "export const a = (n: number) => { const state = { floor: 1 }; state.floor = n; const list: number[] = []; list.push(n); return [state, list] }",
    "export const a = (dates: string[]) => dates.map((d) => new Date(d))",
    'export const a = (x: number) => { console.log("x"); return x }',
    "export const a = Object.freeze({ b: 1 })",
    'export const a = /process.env/.test("x")',
    "const process = (x: number) => x * 2\nexport const a = process(1)",
    "export let a = 1",
  ]
  expect(texts.filter((text) => outside(text) !== undefined)).toEqual([])
})
