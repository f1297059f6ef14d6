/** Reading a whole safetensors file to float32 arrays; it was just written, so it comes from the page cache. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { readSafetensors, writeSafetensors } from "@winnow/models"
import { normals, seeded } from "@winnow/numerics"
import { do_not_optimize } from "mitata"
import { stored } from "../load/formats.ts"
import type { Suite } from "../suite.ts"

/** Tensors of a file and numbers in each: 16 million in all, as in a draft of that size. */
const tensors = 16
const each = 2 ** 20

const bytesOfOne = { F32: 4, F16: 2, BF16: 2 } as const
type Dtype = keyof typeof bytesOfOne

/** A file as `transformers` saves it in half precision; our own writer writes float32 only. */
const writeHalves = (file: string, dtype: "F16" | "BF16", data: Float16Array | Uint16Array): void => {
  const size = data.byteLength
  const numbered = Array.from({ length: tensors }, (_, i) => i)
  const header = Object.fromEntries(
    numbered.map((i) => [`t${i}`, { dtype, shape: [each], data_offsets: [i * size, (i + 1) * size] }]),
  )
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  writeFileSync(file, Buffer.concat([length, json, ...numbered.map(() => new Uint8Array(data.buffer))]))
}

const writeFile = (file: string, dtype: Dtype): void => {
  const values = normals(each, 0.02, seeded(1, "safetensors bench"))
  if (dtype !== "F32") {
    writeHalves(file, dtype, stored(dtype, values))
    return
  }
  const sources = Array.from({ length: tensors }, (_, i) => ({ name: `t${i}`, shape: [each], data: values }))
  writeSafetensors(file, sources)
}

export const safetensors: Suite = ({ bench }) => {
  for (const dtype of ["F32", "F16", "BF16"] as const)
    bench(`${dtype}, ${tensors} tensors of ${each}`, {
      work: { amount: tensors * each * bytesOfOne[dtype], unit: "GB/s" },
      setup: function* () {
        const folder = mkdtempSync(join(tmpdir(), "winnow-bench-"))
        try {
          const file = join(folder, "model.safetensors")
          writeFile(file, dtype)
          yield () => do_not_optimize(readSafetensors(file))
        } finally {
          rmSync(folder, { recursive: true })
        }
      },
    })
}
