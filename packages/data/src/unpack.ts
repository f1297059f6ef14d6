/** Packed files: the ending of a name says how. */
import { promisify } from "node:util"
import { gunzip } from "node:zlib"

/** Bytes that a file may have unpacked: one array holds no more than 4 GiB. */
const most = 2 ** 31

const unpackers: Readonly<Record<string, (packed: Uint8Array) => Promise<Uint8Array>>> = {
  // Not Bun's: it reads the first part of a file that several were written into.
  ".gz": (packed) => promisify(gunzip)(packed, { maxOutputLength: most }),
  // Not Node's: it takes a file that was cut for a whole one.
  ".zst": (packed) => Bun.zstdDecompress(packed),
}

/** The name without the ending of packed files. */
export const unpackedName = (path: string): string => path.replace(/\.(gz|zst)$/, "")

/** The content of a file by its name: unpacked if that ends with .gz or .zst. @error (thrown) for damaged bytes */
export const unpack = async (path: string, stored: Uint8Array): Promise<Uint8Array> => {
  const [ending, unpacker] = Object.entries(unpackers).find(([ending]) => path.endsWith(ending)) ?? []
  if (unpacker === undefined) return stored
  const bytes = await unpacker(stored).catch((error: Error) => {
    throw new Error(`the file is no whole ${ending} (${error.message}); make or fetch it again`)
  })
  if (bytes.length > most) throw new Error(`the file unpacks to ${bytes.length} bytes; the most is ${most}`)
  return bytes
}
