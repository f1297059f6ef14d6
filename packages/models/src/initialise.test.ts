/** Fresh parameters: streams, spread, and single copies of large parameters. */
import { expect, test } from "bun:test"
import { readFileSync, writeFileSync } from "node:fs"
import type { Architecture, ParameterSpec } from "@winnow/core"
import { checkLeaks, engineMemory } from "@winnow/tensor"
import { initialise } from "./initialise.ts"
import { normal, ones, zeros } from "./parameters.ts"

/** Only the fields that `initialise` reads: names and initial values. */
const architecture = (parameters: Record<string, ParameterSpec>): Architecture =>
  ({ parameters: new Map(Object.entries(parameters)), head: Object.keys(parameters)[0]! }) as unknown as Architecture

const valuesOf = (parameters: Record<string, ParameterSpec>, seed: number): Record<string, Float32Array> => {
  const model = initialise(architecture(parameters), seed)
  const values = [...model.parameters].map(([name, variable]) => [name, variable.dataSync() as Float32Array] as const)
  model.dispose()
  return Object.fromEntries(values)
}

const mean = (x: Float32Array) => x.reduce((a, b) => a + b, 0) / x.length

test("the same seed gives the same numbers after any other work, and leaves no tensor", () => {
  const before = engineMemory()
  const parameters = { a: normal([64, 32], 1), b: normal([64, 32], 1) }
  const first = valuesOf(parameters, 5)
  expect(valuesOf(parameters, 5)).toEqual(first)
  expect(valuesOf({ b: parameters.b, c: normal([3], 1), a: parameters.a }, 5)).toMatchObject(first)
  checkLeaks(before, "initialise")
})

test("each name and each seed has a stream of its own", () => {
  const n = 2 ** 14
  const one = { a: normal([n], 1), b: normal([n], 1) }
  const streams = [...Object.values(valuesOf(one, 5)), ...Object.values(valuesOf(one, 6))]
  for (const [i, x] of streams.entries())
    for (const y of streams.slice(i + 1)) {
      const correlation = mean(x.map((value, k) => value * y[k]!))
      expect(Math.abs(correlation)).toBeLessThan(4 / Math.sqrt(n)) // Four standard errors.
    }
})

test("more numbers of a stream begin with the fewer, on either side of a thread's share", () => {
  const of = (n: number) => valuesOf({ a: normal([n], 1) }, 1)["a"]!
  const long = of(300_001)
  for (const n of [1, 7, 4096, 250_000]) expect(of(n)).toEqual(long.slice(0, n))
})

test("normals have their standard deviation, and the tails of one; zeros and ones are that", () => {
  const n = 200_000
  const std = 0.02
  const { w, b, g } = valuesOf({ w: normal([n / 100, 100], std), b: zeros(3), g: ones(3) }, 2)
  expect(Math.abs(mean(w!))).toBeLessThan((4 * std) / Math.sqrt(n))
  const moment = (k: number) => mean(w!.map((x) => (x / std) ** k))
  // Standard errors of the second and fourth moment of a normal: sqrt(2 / n), sqrt(96 / n).
  expect(Math.abs(moment(2) - 1)).toBeLessThan(4 * Math.sqrt(2 / n))
  expect(Math.abs(moment(4) - 3)).toBeLessThan(4 * Math.sqrt(96 / n))
  expect([b, g]).toEqual([new Float32Array(3), Float32Array.of(1, 1, 1)])
})

const status = () => readFileSync("/proc/self/status", "utf8")
const megabytes = (key: string) => Number(new RegExp(`${key}:\\s+(\\d+)`).exec(status())![1]) / 1024

test.skipIf(process.platform !== "linux")("a parameter of 128 MB takes 128 MB on the way", () => {
  initialise(architecture({ a: normal([8], 1) }), 1).dispose()
  Bun.gc(true)
  writeFileSync("/proc/self/clear_refs", "5") // The peak memory is counted from here.
  const before = megabytes("VmRSS")
  const model = initialise(architecture({ a: normal([2 ** 25], 1) }), 1)
  expect(megabytes("VmHWM") - before).toBeLessThan(1.3 * 128)
  model.dispose()
})
