/** Files of another format than the one that a task reads: told by their first bytes, and refused with what reads them. */

const starts: ReadonlyArray<{ readonly bytes: ReadonlyArray<number>; readonly problem: string }> = [
  { bytes: [0x50, 0x41, 0x52, 0x31], problem: "the file is Parquet; parquet({ train }) reads it" },
  { bytes: [0x1f, 0x8b], problem: "the file is packed with gzip; let its name end with .gz" },
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], problem: "the file is packed with zstd; let its name end with .zst" },
  { bytes: [0x50, 0x4b, 0x03, 0x04], problem: "the file is a zip archive; unpack it" },
]

/** Checks that a file may be text. @error (thrown) for a Parquet file, or a packed one whose name does not say so */
export const refuseBinary = (bytes: Uint8Array): void => {
  const found = starts.find((start) => start.bytes.every((byte, i) => bytes[i] === byte))
  if (found !== undefined) throw new Error(found.problem)
}
