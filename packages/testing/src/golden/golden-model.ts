/** The model of a golden configuration: an architecture with hashed weights, and the comparison with expected numbers. */
import { createHash } from "node:crypto"
import type { Architecture, Attends, Encoder, ModelOf } from "@winnow/core"
import { makeModel, ownVariable, tensorsOf } from "@winnow/models"
import { fillTensor } from "@winnow/tensor"
import type { Law } from "../law.ts"
import { hashed } from "./hashed.ts"

/** The tensors of a saved file, by name: their shapes there. */
export const storedShapes = (architecture: Architecture<Attends>): ReadonlyMap<string, ReadonlyArray<number>> =>
  new Map(
    [...architecture.parameters.keys()].flatMap((parameter) =>
      tensorsOf(architecture, parameter).map(({ name, shape }) => [name, shape] as const),
    ),
  )

/** The digits of names and shapes as a golden file has them: equal if transformers finds all that it expects, and no more. */
export const tensorDigits = (architecture: Architecture<Attends>): string => {
  const lines = [...storedShapes(architecture)].map(([name, shape]) => `${name} [${shape.join()}]`)
  return createHash("sha256").update(lines.toSorted().join("\n")).digest("hex").slice(0, 16)
}

/** The model with hashed weights, in the form that its files have. */
export const hashedModel = <A extends Attends>(architecture: Architecture<A>): ModelOf<A> =>
  makeModel(
    architecture,
    new Map(
      [...architecture.parameters].map(([parameter, { shape }]) => {
        const fill = (values: Float32Array) => {
          for (const { name, shape: inFile, form } of tensorsOf(architecture, parameter)) {
            const of = hashed(name, inFile)
            if (form === undefined) values.set(of)
            else form.read(of, values)
          }
        }
        return [parameter, ownVariable(() => fillTensor(shape, "float32", (values) => fill(values as Float32Array)))]
      }),
    ),
  )

/** The values of a model's parameters, as its files have them. */
export const storedValues = (model: Encoder): ReadonlyMap<string, Float32Array> =>
  new Map(
    [...model.parameters].flatMap(([parameter, variable]) => {
      const values = variable.dataSync() as Float32Array
      return tensorsOf(model.architecture, parameter).map(
        ({ name, form }) => [name, form?.write(values) ?? values] as const,
      )
    }),
  )

/** Sum with weights cos(0.7 i). */
export const mixed = (values: ArrayLike<number>): number => {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]! * Math.cos(0.7 * i)
  return sum
}

/** Asserts that numbers are those that are expected, each within the tolerance; gives the largest distance. */
export const near = (
  law: Law,
  name: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  on: () => string,
): number => {
  law(name, actual.length === expected.length, () => `${on()}: ${actual.length} numbers, expected ${expected.length}`)
  let at = 0
  const apart = (i: number) => Math.abs(actual[i]! - expected[i]!)
  for (let i = 1; i < expected.length; i++) if (!(apart(i) <= apart(at))) at = i
  law(
    name,
    expected.length === 0 || apart(at) <= tolerance,
    () => `${on()}: number ${at} is ${actual[at]}, transformers has ${expected[at]} (within ${tolerance})`,
  )
  return expected.length === 0 ? 0 : apart(at)
}
