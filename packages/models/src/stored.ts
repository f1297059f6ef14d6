/** Forms in which files hold parameters. */
import type { Architecture, Attends, Stored } from "@winnow/core"

/** Rows and columns of a block that is turned at once: both its sides stay in the processor's cache. */
const BLOCK = 64

/** The transpose of a row-major matrix with this number of rows. */
const turn = (from: Float32Array, rows: number, columns: number, into: Float32Array): void => {
  for (let r0 = 0; r0 < rows; r0 += BLOCK)
    for (let c0 = 0; c0 < columns; c0 += BLOCK)
      for (let r = r0; r < Math.min(rows, r0 + BLOCK); r++)
        for (let c = c0; c < Math.min(columns, c0 + BLOCK); c++) into[c * rows + r] = from[r * columns + c]!
}

/** A tensor of a file, and the form in which it holds its parameter; without a form the values are the parameter's. */
export interface TensorForm {
  readonly name: string
  readonly shape: ReadonlyArray<number>
  readonly form: Stored | undefined
}

/** The tensors that hold a parameter in files: the one of its name, then the others. */
export const tensorsOf = (
  { parameters, stored }: Pick<Architecture<Attends>, "parameters" | "stored">,
  name: string,
): ReadonlyArray<TensorForm> => {
  const form = stored?.get(name)
  const rest = [...(form?.rest ?? [])].map(([other, its]) => ({ name: other, shape: its.shape, form: its }))
  return [{ name, shape: form?.shape ?? parameters.get(name)!.shape, form }, ...rest]
}

/** Columns from..to of a row-major matrix with these numbers of rows and columns, as a tensor of this shape. */
const columnsOf = (
  shape: ReadonlyArray<number>,
  {
    rows,
    columns,
    from,
    to,
  }: { readonly rows: number; readonly columns: number; readonly from: number; readonly to: number },
): Stored => {
  const width = to - from
  return {
    shape,
    read: (file, into) => {
      for (let r = 0; r < rows; r++) into.set(file.subarray(r * width, (r + 1) * width), r * columns + from)
    },
    write: (values) => {
      const file = new Float32Array(rows * width)
      for (let r = 0; r < rows; r++) file.set(values.subarray(r * columns + from, r * columns + to), r * width)
      return file
    },
  }
}

/** A head [V, d + 1] that files hold as a weight [V, d], and as a bias [V] of this name. */
export const headWithBias = (V: number, d: number, bias: string): Stored => {
  const part = (shape: ReadonlyArray<number>, from: number, to: number) =>
    columnsOf(shape, { rows: V, columns: d + 1, from, to })
  return { ...part([V, d], 0, d), rest: new Map([[bias, part([V], d, d + 1)]]) }
}

/** A matrix whose rows files hold in another order: row r here is row `rows[r]` there. */
export const reordered = (rows: ReadonlyArray<number>, columns: number): Stored => ({
  shape: [rows.length, columns],
  reordered: true,
  read: (file, into) => {
    for (const [r, at] of rows.entries()) into.set(file.subarray(at * columns, (at + 1) * columns), r * columns)
  },
  write: (values) => {
    const file = new Float32Array(values.length)
    for (const [r, at] of rows.entries()) file.set(values.subarray(r * columns, (r + 1) * columns), at * columns)
    return file
  },
})

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
