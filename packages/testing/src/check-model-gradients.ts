/** The law of a model's gradients: they agree with finite differences. Letters: T positions, d hidden size, V vocabulary. */
import { type Encoder, rowLogits, vocabularyHead } from "@winnow/core"
import { normals, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import type { Law } from "./law.ts"
import { draw, ids } from "./model-tokens.ts"

const lossOf = (model: Encoder, row: ReadonlyArray<number>): tf.Scalar => {
  const { hiddenSize, vocabularySize } = model.architecture
  const h_Td = tf.reshape(model.hidden(ids([row])), [row.length, hiddenSize])
  const logP_TV = tf.logSoftmax(rowLogits(h_Td as tf.Tensor2D, vocabularyHead(model)))
  const next = tf.oneHot(tf.tensor1d([...row.slice(1), row[0]!], "int32"), vocabularySize)
  return tf.neg(tf.mean(tf.sum(tf.mul(logP_TV, next), 1)))
}

/** Compares the gradient by each parameter, along a random direction and at its largest entry. */
export const checkGradients = (law: Law, model: Encoder) => {
  const row = draw(model, 8, 4)
  const { value, grads } = tf.variableGrads(() => lossOf(model, row), [...model.parameters.values()])
  for (const [name, variable] of model.parameters) {
    const actual = grads[variable.name]
    law("gradient", actual !== undefined, () => `the loss has no gradient by ${name}`)
    const gradient = actual!.dataSync() as Float32Array
    const bad = gradient.findIndex((g) => !Number.isFinite(g))
    law("gradient", bad < 0, () => `d loss / d ${name} is ${gradient[bad]} at entry ${bad}`)
    const start = variable.dataSync().slice() as Float32Array
    const largest = gradient.reduce((best, g, i) => (Math.abs(g) > Math.abs(gradient[best]!) ? i : best), 0)
    const entry = new Float32Array(start.length)
    entry[largest] = 1
    for (const [on, direction] of [
      ["a random direction", normals(start.length, 1 / Math.sqrt(start.length), seeded(5, name))],
      [`entry ${largest}`, entry],
    ] as const) {
      const at = (step: number) =>
        tf.tidy(() => {
          variable.assign(
            tf.tensor(
              start.map((x, i) => x + step * direction[i]!),
              variable.shape,
            ),
          )
          return lossOf(model, row).dataSync()[0]!
        })
      const step = 1e-2
      const expected = (at(step) - at(-step)) / (2 * step)
      const along = gradient.reduce((sum, g, i) => sum + g * direction[i]!, 0)
      const allowed = 3e-4 + 0.02 * Math.abs(expected)
      law(
        "finite differences",
        Math.abs(along - expected) <= allowed,
        () => `${name}, ${on}: the gradient gives ${along}, differences give ${expected} (allowed ${allowed})`,
      )
    }
    tf.tidy(() => variable.assign(tf.tensor(start, variable.shape)))
  }
  tf.dispose([value, ...Object.values(grads)])
}
