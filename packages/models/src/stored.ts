/** Forms in which files hold parameters. */
import type { Stored } from "@winnow/core"

/** Rows and columns of a block that is turned at once: both its sides stay in the processor's cache. */
const BLOCK = 64

/** The transpose of a row-major matrix of so many rows. */
const turn = (from: Float32Array, rows: number, columns: number, into: Float32Array): void => {
  for (let r0 = 0; r0 < rows; r0 += BLOCK)
    for (let c0 = 0; c0 < columns; c0 += BLOCK)
      for (let r = r0; r < Math.min(rows, r0 + BLOCK); r++)
        for (let c = c0; c < Math.min(columns, c0 + BLOCK); c++) into[c * rows + r] = from[r * columns + c]!
}

/** A weight [outputs, inputs] that files hold as [inputs, outputs], as the `Conv1D` of `transformers` does. */
export const transposed = ([outputs, inputs]: readonly [outputs: number, inputs: number]): Stored => ({
  shape: [inputs, outputs],
  read: (file, into) => turn(file, inputs, outputs, into),
  write: (values) => {
    const file = new Float32Array(values.length)
    turn(values, outputs, inputs, file)
    return file
  },
})
