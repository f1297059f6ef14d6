/** The small language of markers: places in records, the four operations, and summaries of lists. */
import { valueAt } from "./path.ts"
import type { Json, Records } from "./records.ts"

/** A figure with the ends of its interval. */
export interface Interval {
  readonly value: number
  readonly low: number
  readonly high: number
}

/** A value that a page can show. */
export type Value = number | string | Interval

/** Lists must be summarised before any other operation. */
type Operand = Value | ReadonlyArray<Json>

/**
 * A list is summarised by one of these; `count` takes lists of any items. `median` of an even number is the mean of the
 * middle two.
 */
const summaries: ReadonlyMap<string, (values: ReadonlyArray<number>) => number> = new Map([
  ["min", (values) => Math.min(...values)],
  ["max", (values) => Math.max(...values)],
  ["sum", (values) => values.reduce((a, b) => a + b, 0)],
  ["count", (values) => values.length],
  ["mean", (values) => values.reduce((a, b) => a + b, 0) / values.length],
  [
    "median",
    (values) => {
      const sorted = [...values].sort((a, b) => a - b)
      return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2
    },
  ],
])

const operations: ReadonlyMap<string, (a: number, b: number) => number> = new Map([
  ["+", (a, b) => a + b],
  ["-", (a, b) => a - b],
  ["*", (a, b) => a * b],
  ["/", (a, b) => a / b],
])

const isInterval = (value: Operand): value is Interval => typeof value === "object" && !Array.isArray(value)

const number = (value: Operand, what: string): number => {
  if (typeof value === "number") return value
  if (isInterval(value)) return value.value
  throw new Error(`${what} asks for numbers`)
}

const operand = (json: Json, path: string): Operand => {
  if (typeof json === "number" || typeof json === "string") return json
  if (typeof json === "boolean") return String(json)
  if (json === null) throw new Error(`${path}: the record has null there`)
  if (Array.isArray(json)) return json as ReadonlyArray<Json>
  if (typeof json === "object" && "value" in json) {
    const { value, low, high } = json as { readonly [key: string]: Json }
    if (typeof value === "number" && typeof low === "number" && typeof high === "number") return { value, low, high }
    if (typeof value === "number") return value
  }
  throw new Error(`${path}: neither a number, a text, an interval nor a list of numbers`)
}

const calculated = (a: Operand, sign: string, b: Operand): Value => {
  const by = operations.get(sign)!
  if (!isInterval(a)) return by(number(a, sign), number(b, sign))
  const [value, low, high] = [a.value, a.low, a.high].map((end) => by(end, number(b, sign))) as [number, number, number]
  return { value, low: Math.min(low, high), high: Math.max(low, high) }
}

const tokensOf = (text: string): ReadonlyArray<string> => {
  const token = /\s*([a-z]+\((?=\s*\S)|[(),]|[-+*/](?=\s)|(?:[^\s(),[]|\[[^\]]*\])+)/y
  const tokens: Array<string> = []
  const source = text.trimEnd()
  while (token.lastIndex < source.length) {
    const at = token.lastIndex
    const match = token.exec(source)
    if (match === null) throw new Error(`cannot read "${source.slice(at).trim()}"`)
    tokens.push(match[1]!)
  }
  return tokens
}

/**
 * The values of `text`: expressions with commas between them. An expression is a number, a place `source:path` (the
 * source may be left out after the first), `min(...)`, `max`, `sum`, `mean`, `median` or `count` of a list, and
 * `+ - * /` with spaces around them. An interval keeps its ends under an operation with a number.
 * @error for a text that cannot be read, or a place that is not in the record
 */
export const evaluate = (text: string, records: Records): ReadonlyArray<Value> => {
  const tokens = tokensOf(text)
  let at = 0
  let source: string | undefined

  const place = (token: string): Operand => {
    const [, named, path] = /^(?:([^:[]+):)?(.+)$/s.exec(token)!
    source = named ?? source
    if (source === undefined) throw new Error(`"${token}" names no record: write 004/gsm8k:${token}`)
    return operand(valueAt(records.read(source).document, path!), token)
  }

  const factor = (): Operand => {
    const token = tokens[at++]
    if (token === undefined) throw new Error("the expression ends too early")
    if (token.endsWith("(")) {
      const summary = summaries.get(token.slice(0, -1))
      if (token !== "(" && summary === undefined)
        throw new Error(`no ${token.slice(0, -1)}(...): there are ${[...summaries.keys()].join(", ")}`)
      const value = sum()
      if (tokens[at++] !== ")") throw new Error(`")" is missing after ${token}`)
      if (summary === undefined) return value
      if (!Array.isArray(value)) throw new Error(`${token}...) asks for a list`)
      return token === "count(" ? value.length : summary(value.map((item) => number(operand(item, token), token)))
    }
    if (/^\d+(\.\d+)?(e[+-]?\d+)?$/.test(token)) return Number(token)
    return place(token)
  }

  const chain = (next: () => Operand, signs: string): Operand => {
    let value = next()
    while (at < tokens.length && signs.includes(tokens[at]!)) value = calculated(value, tokens[at++]!, next())
    return value
  }
  const product = () => chain(factor, "*/")
  const sum = () => chain(product, "+-")

  const values: Array<Value> = []
  do {
    const value = sum()
    if (Array.isArray(value)) throw new Error("a list: write min(...), median(...) or the like")
    values.push(value as Value)
  } while (tokens[at++] === ",")
  if (at <= tokens.length) throw new Error(`unexpected "${tokens[at - 1]}"`)
  if (source === undefined) throw new Error("names no record")
  return values
}
