/** The slow form of the optimizer bench gives the same result as the fused one, so that their ratio is meaningful. */
import { expect, test } from "bun:test"
import { normals, seeded } from "@winnow/numerics"
import { AdamW, tf } from "@winnow/tensor"
import { composedAdamW } from "./composed-adamw.ts"
import { parametersOf, specsOf } from "./suites/optimizer.bench.ts"

const options = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 }

test.each([[[3, 4]], [[12]]])("agrees with AdamW over five updates of %p", (shape) => {
  const before = tf.memory().numTensors
  const own = (values: Float32Array) => tf.tidy(() => tf.variable(tf.tensor(values, shape)))
  const start = normals(12, 1, seeded(1, "start"))
  const [fused, p, m, v] = [own(start), own(start), own(new Float32Array(12)), own(new Float32Array(12))]
  const optimizer = new AdamW(new Map([["w", fused]]), options)
  for (let t = 1; t <= 5; t++)
    tf.tidy(() => {
      const gradient = tf.tensor(normals(12, 0.3, seeded(1, "g", t)), shape)
      optimizer.apply({ w: gradient }, 0.01)
      composedAdamW({ p, m, v }, gradient, t, 0.01, options)
    })
  const [x, y] = [fused.dataSync(), p.dataSync()]
  for (const [i, value] of x.entries()) expect(Math.abs(value - y[i]!)).toBeLessThan(2e-6)
  optimizer.dispose()
  tf.dispose([fused, p, m, v])
  expect(tf.memory().numTensors).toBe(before)
})

test("the counted work is the model's parameters", async () => {
  const parameters = await specsOf(50304)
  const count = [...parameters.values()].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
  expect(parametersOf(50304)).toBe(count)
})
