/** The figures come from the engine of the test process; sizes are small, so they do not measure its speed. */
import { expect, test } from "bun:test"
import { native } from "../native/native.ts"
import { tf } from "../tf.ts"
import { measure, productError } from "./measure.ts"

test("the measures are figures of the right kind, and leave nothing behind", () => {
  const before = tf.memory().numTensors
  const { size, gflops, native: rates, opMicroseconds, productError: error } = measure(128)
  expect(size).toBe(128)
  expect(gflops).toBeGreaterThan(0.01)
  expect(gflops).toBeLessThan(1e6)
  expect(rates === null).toBe(native() === undefined)
  for (const rate of Object.values(rates ?? {})) {
    expect(rate).toBeGreaterThan(0.01)
    expect(rate).toBeLessThan(1e6)
  }
  expect(opMicroseconds).toBeGreaterThan(0.1)
  expect(opMicroseconds).toBeLessThan(1e5)
  expect(error).toBe(0)
  expect(tf.memory().numTensors).toBe(before)
})

test("a product that is wrong is noticed", () => {
  const before = tf.memory().numTensors
  expect(productError((a, b) => tf.matMul(a, b).add(100))).toBeGreaterThan(0.1)
  expect(tf.memory().numTensors).toBe(before)
})
