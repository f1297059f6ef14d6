/** Writes a model folder with random weights in bfloat16, without a model in memory. */
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import type { Architecture, ParameterSpec } from "@winnow/core"
import { normals, seeded, toBfloat16 } from "@winnow/numerics"

/** Random numbers that are drawn; each parameter repeats them from a place of its own. */
const DRAWN = 2 ** 22
/** A prime, so that the places of parameters differ. */
const STRIDE = 1_000_003
/** Distance of the places of two rows of a chain's embedding: all rows differ, and V rows fit. */
const ROW_STRIDE = 27
/** Standard deviation of a chain's embedding: so large that the token stays visible through all layers. */
const CHAIN_SPREAD = 2
/** Standard deviation of a chain's head, as of any matrix. */
const HEAD_SPREAD = 0.02

const halves = (values: Float32Array): Uint16Array => {
  const rounded = new Uint16Array(values.length)
  toBfloat16(values, rounded)
  return rounded
}

/** The random numbers of a seed in bfloat16, times a spread; each is computed once. */
const drawnBy = (seed: number) => {
  const drawn = normals(DRAWN, 1, seeded(seed, "large"))
  const known = new Map<number, Uint16Array>()
  return (spread: number): Uint16Array => {
    const found = known.get(spread) ?? halves(Float32Array.from(drawn, (x) => spread * x))
    known.set(spread, found)
    return found
  }
}

const size = ({ shape }: ParameterSpec) => shape.reduce((a, b) => a * b, 1)

/** The rows of a chain's embedding, or of its head, whose row next(x) is the embedding of x. */
function* chainRows(places: Iterable<number>, d: number, numbers: Uint16Array): Generator<Uint16Array> {
  for (const x of places) yield numbers.subarray(x * ROW_STRIDE, x * ROW_STRIDE + d)
}

/** Pieces of a parameter that is random: the drawn numbers from a place, again and again. */
function* randomPieces(length: number, place: number, numbers: Uint16Array): Generator<Uint16Array> {
  let at = (place * STRIDE) % DRAWN
  for (let left = length; left > 0; ) {
    const piece = numbers.subarray(at, Math.min(DRAWN, at + left))
    yield piece
    left -= piece.length
    at = 0
  }
}

const headerOf = (parameters: Architecture["parameters"]): Uint8Array => {
  let offset = 0
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } }
  for (const [name, spec] of parameters) {
    header[name] = { dtype: "BF16", shape: spec.shape, data_offsets: [offset, offset + 2 * size(spec)] }
    offset += 2 * size(spec)
  }
  const text = JSON.stringify(header)
  const json = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([length, json])
}

/** How the weights are made. */
export interface WriteShapeOptions {
  readonly seed: number
  /**
   * The next token after each token. The model must have a head of its own; it chooses so with a wide margin, as
   * `decode/pair.ts` describes. Without it embedding and head are one random matrix.
   */
  readonly next?: Int32Array | undefined
}

/** Writes config.json and model.safetensors into a folder, which is made. No token ends a text. */
export const writeShape = (folder: string, architecture: Architecture, { seed, next }: WriteShapeOptions): void => {
  const { config, parameters, embedding, head, hiddenSize: d, vocabularySize: V } = architecture
  mkdirSync(folder, { recursive: true })
  const drawn = drawnBy(seed)
  const ids = Array.from({ length: V }, (_, x) => x)
  const before = new Int32Array(V)
  for (const [x, y] of (next ?? []).entries()) before[y] = x
  const piecesOf = (parameter: string, spec: ParameterSpec, place: number): Iterable<Uint16Array> => {
    const { init } = spec
    if (next !== undefined && parameter === embedding) return chainRows(ids, d, drawn(CHAIN_SPREAD))
    if (next !== undefined && parameter === head) return chainRows(before, d, drawn(HEAD_SPREAD))
    if (init.kind === "normal") return randomPieces(size(spec), place, drawn(init.std))
    return [halves(new Float32Array(size(spec)).fill(init.kind === "ones" ? 1 : 0))]
  }
  const fd = openSync(join(folder, "model.safetensors"), "w")
  const room = new Uint8Array(2 ** 22)
  let used = 0
  const flush = () => {
    for (let done = 0; done < used; ) done += writeSync(fd, room, done, used - done)
    used = 0
  }
  const write = (bytes: Uint8Array): void => {
    for (let done = 0; done < bytes.length; ) {
      const part = bytes.subarray(done, done + room.length - used)
      room.set(part, used)
      used += part.length
      done += part.length
      if (used === room.length) flush()
    }
  }
  try {
    write(headerOf(parameters))
    for (const [place, [parameter, spec]] of [...parameters].entries())
      for (const { buffer, byteOffset, byteLength } of piecesOf(parameter, spec, place))
        write(new Uint8Array(buffer, byteOffset, byteLength))
    flush()
  } finally {
    closeSync(fd)
  }
  const endless = { bos_token_id: null, eos_token_id: null, pad_token_id: null }
  writeFileSync(join(folder, "config.json"), JSON.stringify({ ...config, ...endless, dtype: "bfloat16" }))
}
