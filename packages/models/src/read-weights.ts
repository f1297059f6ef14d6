/** The weights of an open folder, each in the form that this process keeps it in. */
import { type Architecture, type Attends, DataError, InvalidInput, type Stored } from "@winnow/core"
import { toBfloat16 } from "@winnow/numerics"
import { Blocks, type Elements, Floats, fillTensor, Halves, type NativeWeight, native, type tf } from "@winnow/tensor"
import { nonFiniteProblem } from "./finite.ts"
import { type DecodingPrecision, ownVariable } from "./model.ts"
import { isDecodedMatrix, staysHalf } from "./native-parameters.ts"
import type { openFolder } from "./open-folder.ts"
import type { SafetensorsFile } from "./safetensors.ts"
import { tensorsOf } from "./stored.ts"

type Folder = Pick<ReturnType<typeof openFolder>, "tensorOf" | "fileOf" | "scaled">

/** Numbers that are rounded at a time. */
const PIECE = 2 ** 20

/** A parameter of a folder. */
class Source {
  constructor(
    readonly dir: string,
    readonly architecture: Architecture<Attends>,
    readonly folder: Folder,
    readonly name: string,
    readonly shape: ReadonlyArray<number>,
  ) {}

  get tensor(): string {
    return this.folder.tensorOf.get(this.name)!
  }

  get file(): SafetensorsFile {
    return this.folder.fileOf.get(this.tensor)!
  }

  get dtype(): string {
    return this.file.tensors.get(this.tensor)!.dtype
  }

  /** True if one tensor holds the parameter as it is. */
  get isWhole(): boolean {
    const [{ form } = { form: undefined }, ...others] = tensorsOf(this.architecture, this.name)
    return form === undefined && others.length === 0 && !this.folder.scaled.has(this.tensor)
  }

  /** Reads all values into the memory of the parameter, from the form that the files hold them in. */
  readInto(values: Float32Array): void {
    const read = (file: SafetensorsFile, tensor: string, form: Stored | undefined): void => {
      if (form === undefined) file.readInto(tensor, values)
      else form.read(file.read(tensor), values)
    }
    for (const { name, form } of tensorsOf(this.architecture, this.name)) {
      const tensor = this.folder.tensorOf.get(name)!
      read(this.folder.fileOf.get(tensor)!, tensor, form)
    }
  }

  /** Calls `take` with all rows of the matrix, piece by piece where the file has them as they are. */
  eachRows(take: (from: number, rows: Float32Array) => void): void {
    const [N, K] = this.shape as readonly [number, number]
    if (!this.isWhole) {
      const all = new Float32Array(N * K)
      this.readInto(all)
      take(0, all)
      return
    }
    const rows = Math.max(1, Math.floor(PIECE / K))
    const piece = new Float32Array(Math.min(N, rows) * K)
    for (let from = 0; from < N; from += rows) {
      const some = piece.subarray(0, (N - from) * K)
      this.file.readRows(this.tensor, from, some)
      take(from, some)
    }
  }

  /** The refusal of values that are not finite: their count, and the first place; undefined if all are finite. */
  fault(values: () => Float32Array): DataError | undefined {
    const problem = nonFiniteProblem(this.tensor, this.shape, values())
    return problem === undefined ? undefined : new DataError({ message: `${this.dir}: ${problem}` })
  }

  /** All values, for the refusal of some. */
  readonly all = (): Float32Array => {
    const values = new Float32Array(this.shape.reduce((a, b) => a * b, 1))
    this.readInto(values)
    return values
  }
}

/** In bfloat16 as the file has it: mapped where the system can, else read. */
const storedHalves = (source: Source): Halves => {
  const { file, tensor, name, shape } = source
  const halves =
    Halves.map(name, shape, file.placeOf(tensor)) ??
    Halves.fill(name, shape, ({ buffer }) => file.readBytes(tensor, new Uint8Array(buffer)))
  if (halves.firstNonFinite() === -1) return halves
  halves.dispose()
  throw source.fault(source.all)!
}

/** Rounded to bfloat16. */
const roundedHalves = (source: Source): Halves => {
  const { name, shape } = source
  const halves = Halves.fill(name, shape, (values) =>
    source.eachRows((from, rows) =>
      toBfloat16(rows, values.subarray(from * shape[1]!, from * shape[1]! + rows.length)),
    ),
  )
  if (halves.firstNonFinite() === -1) return halves
  halves.dispose()
  throw source.fault(source.all) ?? new DataError({ message: `${source.dir}: ${name} has values beyond bfloat16` })
}

/** In 8 bits. */
const blocks = (source: Source): Blocks => {
  const made = Blocks.empty(source.name, source.shape)
  try {
    source.eachRows((from, rows) => {
      if (made.set(from, rows) !== -1) throw source.fault(source.all)!
    })
    return made
  } catch (error) {
    made.dispose()
    throw error
  }
}

/** In float32, without TensorFlow: mapped where the file has it so and the system can, else read. */
const floats = (source: Source): Floats => {
  const { file, tensor, name, shape, dtype } = source
  const made =
    (dtype === "F32" && source.isWhole ? Floats.map(name, shape, file.placeOf(tensor)) : undefined) ??
    Floats.fill(name, shape, (values) => source.readInto(values))
  if (made.firstNonFinite() === -1) return made
  made.dispose()
  throw source.fault(source.all)!
}

const variable = (source: Source): tf.Variable => {
  const fill = (values: Elements) => {
    source.readInto(values as Float32Array)
    const fault = source.fault(() => values as Float32Array)
    if (fault !== undefined) throw fault
  }
  return ownVariable(() => fillTensor(source.shape, "float32", fill))
}

/** The form of a weight in a process that only decodes, or trains as well (undefined). */
const formOf = (
  source: Source,
  precision: DecodingPrecision | undefined,
): ((source: Source) => tf.Variable | NativeWeight) => {
  const { architecture, name, shape, dtype } = source
  if (precision === "q8" && isDecodedMatrix(architecture, name)) return blocks
  if (staysHalf(architecture, name, dtype)) return storedHalves
  if (
    precision === "bfloat16" &&
    architecture.matrices.has(name) &&
    isDecodedMatrix(architecture, name) &&
    Halves.fits(shape)
  )
    return roundedHalves
  // products of the layers in bfloat16 read copies of variables
  const isRounded = precision === "bfloat16" && architecture.matrices.has(name)
  const decodes =
    native() !== undefined && architecture.attends === "before" && architecture.nativeProgram !== undefined
  return precision !== undefined && decodes && !isRounded ? floats : variable
}

/**
 * The parameters of an architecture, one by one, from the folder that holds them; each belongs to the caller.
 *
 * @param precision see `DecoderOptions`
 * @error InvalidInput (thrown), before any is read, for weights in 8 bits that native code cannot read here
 * @error DataError (thrown) for a value that is not finite, or a file that cannot be read
 */
export function* readWeights(
  dir: string,
  architecture: Architecture<Attends>,
  folder: Folder,
  precision?: DecodingPrecision,
): Generator<readonly [name: string, weight: tf.Variable | NativeWeight]> {
  if (precision === "q8" && (native() === undefined || architecture.nativeProgram === undefined))
    throw new InvalidInput({
      what: `precision q8 for ${dir}`,
      problems: [
        native() === undefined
          ? "weights in 8 bits are read by native code, and there is none here; `bun run winnow doctor` says why, other precisions need none"
          : `weights in 8 bits are read by native decoding, which ${architecture.type} has not; take float32 or bfloat16`,
      ],
    })
  for (const [name, { shape }] of architecture.parameters) {
    const source = new Source(dir, architecture, folder, name, shape)
    yield [name, formOf(source, precision)(source)]
  }
}
