import { expect, test } from "bun:test"
import type { VariableUse } from "@winnow/core"
import { checkVariable, instanceOf } from "@winnow/testing"
import {
  bracketDepth,
  capital,
  distanceToEnd,
  lastNumber,
  linePosition,
  noise,
  operation,
  parity,
  runningParity,
  targetLoss,
  tokenKind,
  tokenLength,
  topic,
} from "./index.ts"

const words = [["sql", "table"], ["python"]]
const all: Readonly<Record<string, VariableUse>> = {
  tokenKind: tokenKind(),
  capital: capital(),
  tokenLength: tokenLength(),
  parity: parity(),
  bracketDepth: bracketDepth(),
  linePosition: linePosition(),
  distanceToEnd: distanceToEnd(),
  runningParity: runningParity(),
  topic: topic({ words }),
  operation: operation(),
  lastNumber: lastNumber(),
  noise: noise(),
  targetLoss: targetLoss(),
}
for (const [name, use] of Object.entries(all)) test(`${name} keeps the laws`, () => checkVariable(use))

const valuesOf = async (use: VariableUse, ...pieces: ReadonlyArray<string>) => [
  ...(await instanceOf(use)).values({ ids: Int32Array.from(pieces.keys()), pieces }),
]

test("variables of tokens", async () => {
  expect(await valuesOf(tokenKind(), "ab", " Cd", "7", "\n  x", " ", "+", "\u{FFFD}", "")).toEqual([
    0, 1, 2, 3, 4, 5, 5, 4,
  ])
  expect(await valuesOf(capital(), "a", " Ab", "Éa", "1A")).toEqual([0, 1, 1, 0])
  expect(await valuesOf(tokenLength({ longest: 3 }), "", "a", " bc", "longer")).toEqual([0, 1, 3, 3])
})

test("variables of places", async () => {
  expect(await valuesOf(parity(), "a", "b", "c")).toEqual([0, 1, 0])
  // The value is that before the token: an opening bracket counts from the next token on.
  expect(await valuesOf(bracketDepth({ deepest: 2 }), "f(", "[", "{", "x", "]}", ")", ")", "y")).toEqual([
    0, 1, 2, 2, 2, 1, 0, 0,
  ])
  expect(await valuesOf(linePosition(), "a", "b\n", "c", "d")).toEqual([0, 1, 0, 1])
  expect(await valuesOf(distanceToEnd(), "a", "b", "c")).toEqual([2, 1, 0])
})

test("variables of texts", async () => {
  expect(await valuesOf(runningParity(), "the", "tree", "fall", "er", "!")).toEqual([0, 1, 0, 0, 1])
  expect(await valuesOf(topic({ words }), "a Py", "thon", " table")).toEqual([0, 0, 0])
  expect(await valuesOf(topic({ words }), "Py", "thon")).toEqual([1, 1])
  expect(await valuesOf(topic({ words }), "none")).toEqual([2])
  expect(await valuesOf(operation(), "He has 3 -", " 12", " - 4")).toEqual([1, 1, 1])
  expect(await valuesOf(operation(), "no sign")).toEqual([Number.NaN])
  expect(await valuesOf(lastNumber(), "12 +", " 3 = 15", ".")).toEqual([15, 15, 15])
})

test("noise has its shares, the same for the same text", async () => {
  const use = noise({ shares: [3, 1] })
  const text = Array.from({ length: 4000 }, () => "x")
  const values = await valuesOf(use, ...text)
  expect(values.filter((c) => c === 0).length / values.length).toBeCloseTo(0.75, 1)
  expect(await valuesOf(use, ...text)).toEqual(values)
  expect(await valuesOf(noise({ shares: [3, 1], seed: 2 }), ...text)).not.toEqual(values)
})

test("the target's loss is that of the text; a text without losses is refused", async () => {
  const { values, readsTarget } = await instanceOf(targetLoss())
  const text = { ids: Int32Array.of(1, 2), pieces: ["a", "b"] }
  expect([readsTarget, ...values({ ...text, targetLoss: Float32Array.of(Number.NaN, 1.5) })]).toEqual([
    true,
    Number.NaN,
    1.5,
  ])
  expect(() => values(text)).toThrow("has no losses of the target for 2 tokens")
})
