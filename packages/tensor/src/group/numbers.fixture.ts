/** Tensors of numbers whose sums depend on the order of addition, for tests. */
import { seeded } from "@winnow/numerics"
import { tf } from "../tf.ts"
import type { Summed } from "./buckets.ts"

/** The tensors of a batch, drawn by its number; most rows of the one named "rows" are 0. */
export const tensorsOf = (shapes: Summed, batch: number): Record<string, tf.Tensor> =>
  Object.fromEntries(
    shapes.map(({ name, shape }) => {
      const rng = seeded(batch, "tensors", name)
      const values = Float32Array.from(
        { length: shape.reduce((a, b) => a * b, 1) },
        () => rng.uniform() * 1e3 ** (rng.uniform() - 0.5),
      )
      if (name === "rows")
        for (let n = 0; n < shape[0]!; n++) if (rng.uniform() < 0.8) values.fill(0, n * shape[1]!, (n + 1) * shape[1]!)
      return [name, tf.tensor(values, [...shape])]
    }),
  )
