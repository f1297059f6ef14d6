/** Model folders in number formats of other programs; our own writer writes float32 only. */
import { closeSync, copyFileSync, mkdirSync, openSync, writeSync } from "node:fs"
import { join } from "node:path"
import { openSafetensors } from "@winnow/models"

export const formats = ["F32", "F16", "BF16"] as const
export type Format = (typeof formats)[number]

/** Values as the format stores them: rounded to nearest for float16, truncated for bfloat16. */
export const stored = (format: "F16" | "BF16", values: Float32Array): Float16Array | Uint16Array =>
  format === "F16"
    ? new Float16Array(values)
    : Uint16Array.from(new Uint32Array(values.buffer, values.byteOffset, values.length), (bits) => bits >>> 16)

/** Copies the model folder `from` to `to`, with its numbers in a format of two bytes. */
export const copyInHalves = (from: string, to: string, format: "F16" | "BF16"): void => {
  mkdirSync(to)
  copyFileSync(join(from, "config.json"), join(to, "config.json"))
  const source = openSafetensors(join(from, "model.safetensors"))
  const fd = openSync(join(to, "model.safetensors"), "w")
  try {
    let offset = 0
    const header: Record<string, unknown> = { __metadata__: { format: "pt" } }
    for (const [name, { shape }] of source.tensors) {
      const end = offset + 2 * shape.reduce((a, b) => a * b, 1)
      header[name] = { dtype: format, shape, data_offsets: [offset, end] }
      offset = end
    }
    const json = Buffer.from(JSON.stringify(header))
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(json.length))
    writeSync(fd, Buffer.concat([length, json]))
    for (const name of source.tensors.keys()) {
      const { buffer, byteLength } = stored(format, source.read(name))
      const bytes = new Uint8Array(buffer, 0, byteLength)
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done)
    }
  } finally {
    source.close()
    closeSync(fd)
  }
}
