/** A task from Parquet files of a user's own. */
import { brotliDecompressSync, gunzipSync } from "node:zlib"
import { type } from "arktype"
import { leavesTraining } from "./own-splits.ts"
import type { Row } from "./row.ts"
import { defineTableTask, tableOptions } from "./table-task.ts"

const compressors = {
  GZIP: (packed: Uint8Array) => gunzipSync(packed),
  BROTLI: (packed: Uint8Array) => brotliDecompressSync(packed),
  ZSTD: (packed: Uint8Array) => Bun.zstdDecompressSync(packed),
}

/**
 * The rows of a Parquet file, with the columns that `wanted` names.
 *
 * @param wanted names of columns, or paths that begin with one
 * @error (thrown) for a file of another format
 */
export const parquetRows = async (bytes: Uint8Array, wanted: ReadonlyArray<string>): Promise<ReadonlyArray<Row>> => {
  // Read by none who has no such file.
  const { parquetMetadataAsync, parquetReadObjects, parquetSchema } = await import("hyparquet")
  const file = {
    byteLength: bytes.length,
    slice: (from: number, to?: number) => new Uint8Array(bytes.subarray(from, to)).buffer,
  }
  try {
    const metadata = await parquetMetadataAsync(file)
    const names = parquetSchema(metadata).children.map(({ element }) => element.name)
    const isOf = (name: string, one: string) => one === name || one.startsWith(`${name}.`)
    const columns = names.filter((name) => wanted.some((one) => isOf(name, one)))
    // The error on a missing column names all columns of the file.
    const all = columns.length === 0 || wanted.some((one) => !names.some((name) => isOf(name, one)))
    const read = await parquetReadObjects({ file, metadata, compressors, ...(!all && { columns }) })
    return read.map((row, i): Row => ({ at: `row ${i + 1}`, columns: row }))
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const how = /codec/.test(why) ? "; write it again with snappy, gzip, brotli, zstd or no compression" : ""
    throw new Error(`the file is no Parquet that can be read: ${why}${how}`)
  }
}

/** Examples from Parquet: `parquet({ train: "my.parquet", prompt: "question", answer: "solution" })`. */
export const parquet = defineTableTask({
  name: "parquet",
  options: type({ "...": tableOptions, "+": "reject" }).narrow(leavesTraining),
  rows: (bytes, { columns }) => parquetRows(bytes, columns),
})
