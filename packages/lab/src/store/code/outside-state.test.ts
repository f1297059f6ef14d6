import { expect, test } from "bun:test"
import { namesIn } from "./names.ts"
import { outsideState } from "./outside-state.ts"

const javascript = new Bun.Transpiler({ loader: "ts", deadCodeElimination: false })
const outside = (text: string) => outsideState(namesIn(javascript.transformSync(text)))

test("a module that reaches outside of its text is detected in any spelling", () => {
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

const counter = "const makeCounter = () => { let n = 0; return { next: () => ++n } }"
const average = "class Average { sum = 0; add(x: number) { this.sum += x; return this.sum } }"

test("state that a top level keeps under another name, in a class, an object or a closure is found", () => {
  const texts = [
    "const state = { x: 0 }\nexport const a = () => { const s = state; s.x = 1; return s }",
    "const state = { deep: { x: 0 } }\nexport const a = () => { const { deep } = state; deep.x++ }",
    "const list: number[] = []\nexport const a = (n: number) => { const l = list; l.push(n); return l.length }",
    "const list: number[] = []\nconst also = list\nexport const a = (n: number) => also.push(n)",
    "const state = { seen: new Set() }\nexport const a = (n: number) => state.seen.add(n)",
    "const rows = [[0], [1]]\nexport const a = () => { for (const row of rows) row[0] = 2; return rows }",
    "const one = { x: 0 }\nconst two = { x: 0 }\nexport const a = (b: boolean) => { const s = b ? one : two; s.x = 1 }",
    "const state = { x: 0 }\nconst set = (s: { x: number }) => { s.x = 1 }\nexport const a = () => set(state)",
    "const state = { x: 0 }\nexport const a = () => Object.assign(state, { x: 1 })",
    "class S { static floor = 1; static set(f: number) { this.floor = f } }\nexport const a = S",
    "class S { static seen: number[] = []; static see = (n: number) => this.seen.push(n) }\nexport const a = S",
    "export const a = { n: 0, next() { return ++this.n } }",
    `${counter}\nexport const { next } = makeCounter()`,
    `${counter}\nconst counter = makeCounter()\nexport const a = () => counter.next()`,
    `${counter}\nexport const a = { select: makeCounter().next }`,
    `${counter}\nconst both = () => [makeCounter(), makeCounter()]\nexport const a = both()`,
    `${counter}\nconst one = () => { const c = makeCounter(); return () => c.next() }\nexport const a = one()`,
    "function makeList() { const seen = []; return (x) => { seen.push(x); return seen.length } }\nexport default makeList()",
    "export const a = (() => { let n = 0; return () => ++n })()",
    "const once = (() => { const cache = new Map(); return (k) => { cache.set(k, 1); return cache } })()\nexport const a = once",
    `${average}\nconst average = new Average()\nexport const a = (x: number) => average.add(x)`,
    `${average}\nexport const a = { average: new Average() }`,
    `${average}\nclass Moving extends Average { twice = 2 }\nexport const a = new Moving()`,
    "class C { #n = 0; next = () => ++this.#n }\nexport const a = new C()",
    "class C { seen: number[]; constructor() { this.seen = [] } see(n: number) { this.seen.push(n) } }\nexport const a = new C()",
    "class C { n = 0; next() { const self = this; return () => { self.n++ } } }\nexport const a = new C()",
    "class C { static make() { return new C() } n = 0; next() { this.n++ } }\nexport const a = C.make()",
  ]
  expect(texts.filter((text) => outside(text) === undefined)).toEqual([])
})

test("state that each call makes for itself, and objects that are only filled while they are made, are not suspected", () => {
  const texts = [
    `${counter}\nexport const a = () => makeCounter()`,
    `${counter}\nexport const a = { make: () => { const { next } = makeCounter(); return () => next() } }`,
    `${average}\nexport const a = { make: () => { const average = new Average(); return (x: number) => average.add(x) } }`,
    "const define = (make) => ({ make })\nexport const a = define(() => { let n = 0; return () => ++n })",
    "const filter = (k) => ({ make: () => { let n = 0; return () => (n += k) } })\nexport const a = filter(1)",
    "const build = () => { const t = []; for (let i = 0; i < 3; i++) t.push(i); return t }\nconst table = build()\nexport const a = (i) => table[i]",
    "const build = (n) => { const t = []; [1, 2].forEach((i) => { t.push(i * n) }); return t }\nexport const a = build(2)",
    "class Parser { at = 0; constructor(readonly text: string) {} parse() { this.at++; return this.text } }\nexport const a = new Parser('x').parse()",
    "class Parser { at = 0; parse() { this.at++; return 1 } }\nconst parser = new Parser()\nconst table = parser.parse()\nexport const a = () => table",
    "class Point { x; constructor(x) { this.x = x; this.y = 2 } }\nexport const origin = new Point(1)",
    "class Problem extends Error { constructor(m) { super(m); this.name = 'Problem' } }\nexport const a = () => { throw new Problem('x') }",
    "const fill = (out, x) => { out[0] = x; return out }\nexport const a = () => fill(new Float32Array(3), 1)",
    "const fill = (out, x) => { out[0] = x }\nexport const a = () => { const own = [0]; fill(own, 1); return own }",
    "const state = { x: 0 }\nexport const a = () => { let s = state; s = { x: 1 }; return s }",
    "const table = [3, 1]\nexport const a = () => { const own = table.slice(); own.sort(); own[0] = 1; return own }",
    "const base = { x: 0 }\nexport const a = () => { const own = { ...base }; own.x = 1; return own }",
    "const math = { add: (a, b) => a + b }\nexport const a = () => math.add(1, 2)",
    "const deep = { set: { add: (a) => a } }\nexport const a = () => deep.set.add(1)",
    "const memo = (f) => { const m = new Map(); for (const k of [1]) m.set(k, f(k)); return (k) => m.get(k) }\nexport const a = memo((x) => x)",
    "export const a = (x) => { const o = { n: 0, next() { return ++this.n } }; return o.next() + x }",
    "const names = new Map([['a', 1]])\nexport const a = (n) => { let found = names.get(n); found = 2; return found }",
    "export function a(x) { a.prototype; this.x = x }",
    "const { b } = { b: 1 }\nexport const a = () => { let { c } = { c: b }; c += 1; return c }",
    "for (let i = 0; i < 2; i++) i += 0\nexport const a = 1",
  ]
  expect(texts.map((text) => [text, outside(text)]).filter(([, reason]) => reason !== undefined)).toEqual([])
})

test("a module that only spells such a name, or keeps its state within its calls, is not suspected", () => {
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
