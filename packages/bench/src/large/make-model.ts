/** Writes a folder with random weights in bfloat16, in a process of its own: bun make-model.ts FOLDER SHAPE. */
import { closeSync, openSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import type { ParameterSpec } from "@winnow/core"
import { normals, seeded, toBfloat16 } from "@winnow/numerics"
import { Effect } from "effect"
import { modelUseOf, type ShapeName } from "./shapes.ts"

/** Random numbers that are drawn; each parameter repeats them from a place of its own. */
const DRAWN = 2 ** 22
/** A prime, so that the places of parameters differ. */
const STRIDE = 1_000_003

const [folder, name] = process.argv.slice(2) as [string, ShapeName]
const architecture = await Effect.runPromise(modelUseOf(name).instance)
writeFileSync(join(folder, "config.json"), JSON.stringify({ ...architecture.config, dtype: "bfloat16" }))

const halves = (values: Float32Array): Uint16Array => {
  const rounded = new Uint16Array(values.length)
  toBfloat16(values, rounded)
  return rounded
}
const drawn = normals(DRAWN, 1, seeded(1, "large"))
const size = ({ shape }: ParameterSpec) => shape.reduce((a, b) => a * b, 1)
/** The same random numbers at every spread that a parameter begins with. */
const spreads = new Map<number, Uint16Array>()
const valuesOf = ({ init }: ParameterSpec): Uint16Array => {
  const spread = init.kind === "normal" ? init.std : init.kind === "ones" ? -1 : 0
  const found =
    spreads.get(spread) ??
    halves(spread === -1 ? new Float32Array(DRAWN).fill(1) : Float32Array.from(drawn, (x) => spread * x))
  spreads.set(spread, found)
  return found
}

const fd = openSync(join(folder, "model.safetensors"), "w")
const write = (bytes: Uint8Array): void => {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done)
}
let offset = 0
const header: Record<string, unknown> = { __metadata__: { format: "pt" } }
for (const [parameter, spec] of architecture.parameters) {
  header[parameter] = { dtype: "BF16", shape: spec.shape, data_offsets: [offset, offset + 2 * size(spec)] }
  offset += 2 * size(spec)
}
const json = Buffer.from(JSON.stringify(header).padEnd(Math.ceil(JSON.stringify(header).length / 8) * 8))
const length = Buffer.alloc(8)
length.writeBigUInt64LE(BigInt(json.length))
write(Buffer.concat([length, json]))
let place = 0
for (const spec of architecture.parameters.values()) {
  const values = valuesOf(spec)
  let at = (place++ * STRIDE) % DRAWN
  for (let left = size(spec); left > 0; ) {
    const piece = values.subarray(at, Math.min(DRAWN, at + left))
    write(new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength))
    left -= piece.length
    at = 0
  }
}
closeSync(fd)
