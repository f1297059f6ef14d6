/** A weight without a requested gradient costs no product in the backward pass, and changes no other gradient. */
import { afterAll, afterEach, expect, spyOn, test } from "bun:test"
import { normals, seeded } from "@winnow/numerics"
import { backend } from "../engine.ts"
import { native, withoutNative } from "../native/native.ts"
import { tf } from "../tf.ts"
import { linears } from "./linear.ts"
import type { LinearWeights } from "./products.ts"
import { gradients, needsGradient } from "./tape.ts"

const variable = (shape: Array<number>, name: string) =>
  tf.tidy(() =>
    tf.variable(
      tf.tensor(
        normals(
          shape.reduce((a, b) => a * b),
          1,
          seeded(1, name),
        ),
        shape,
      ),
    ),
  )
const x = variable([9, 4], "x")
const [first, second] = [variable([6, 4], "first"), variable([5, 4], "second")]
const [bias, other] = [variable([6], "bias"), variable([5], "other")]
const layers = [
  { weight_ed: first, bias_e: bias },
  { weight_ed: second, bias_e: other },
] as unknown as ReadonlyArray<LinearWeights>
const loss = () => tf.sum(tf.square(linears(x as unknown as tf.Tensor2D, layers))) as tf.Scalar
const gradientsBy = (variables: ReadonlyArray<tf.Variable>) =>
  tf.tidy(() => gradients(loss, variables).gradients.map((g) => Array.from(g!.dataSync())))

afterEach(() => expect(needsGradient(first)).toBe(true))
afterAll(() => tf.dispose([x, first, second, bias, other]))

const ways: ReadonlyArray<
  readonly [string, <T>(run: () => T) => T, () => { mock: { calls: ReadonlyArray<unknown> } }]
> = [
  ["plain operations", withoutNative, () => spyOn(backend().binding, "executeOp")],
  ["native", (run) => run(), () => spyOn(native()!.C, "winnow_gemm")],
]
for (const [name, within, spy] of ways)
  test.skipIf(name === "native" && native() === undefined)(name, () =>
    within(() => {
      const before = tf.memory().numTensors
      const all = gradientsBy([x, first, bias, second, other])
      const calls = spy()
      const count = (variables: ReadonlyArray<tf.Variable>) => {
        const { length } = calls.mock.calls
        const found = gradientsBy(variables)
        return { found, calls: calls.mock.calls.length - length }
      }
      const whole = count([x, first, bias, second, other])
      const part = count([x, second])
      expect(whole.found).toEqual(all)
      expect(part.found).toEqual([all[0]!, all[3]!])
      expect(whole.calls - part.calls).toBe(name === "native" ? 1 : 3) // A product, and the sums of both biases.
      expect(tf.memory().numTensors).toBe(before)
    }),
  )

test("only variables are constants, and only while a gradient is taken", () => {
  const seen: Array<boolean> = []
  const value = tf.tensor1d([1])
  tf.tidy(() => {
    gradients(() => {
      seen.push(needsGradient(x), needsGradient(first), needsGradient(value))
      return tf.sum(tf.square(x)) as tf.Scalar
    }, [x])
  })
  expect(seen).toEqual([true, false, true])
  value.dispose()
  expect(() =>
    gradients(() => {
      throw new Error("stopped")
    }, [x]),
  ).toThrow("stopped")
})
