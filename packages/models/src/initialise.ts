/** Fresh parameters, the same for the same seed. */
import type { Architecture, Model, ParameterSpec } from "@winnow/core"
import { normals, seeded } from "@winnow/numerics"
import { makeModel, ownVariable } from "./model.ts"

const valuesOf = ({ shape, init }: ParameterSpec, name: string, seed: number): Float32Array => {
  const n = shape.reduce((a, b) => a * b, 1)
  if (init.kind === "normal") return normals(n, init.std, seeded(seed, "init", name))
  return new Float32Array(n).fill(init.kind === "ones" ? 1 : 0)
}

/**
 * A model with fresh parameters.
 *
 * Each parameter has a random stream of its own, told by seed and name: adding a layer leaves the others as they were.
 */
export const initialise = (architecture: Architecture, seed: number): Model =>
  makeModel(
    architecture,
    new Map(
      architecture.parameters
        .entries()
        .map(([name, spec]) => [name, ownVariable(valuesOf(spec, name, seed), spec.shape)]),
    ),
  )
