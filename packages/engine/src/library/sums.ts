/** SHA-256 of files of hundreds of megabytes, read in pieces. */
import { createReadStream } from "node:fs"

/** Lower-case hex SHA-256 of a file; `onBytes` is told how many bytes were read so far. */
export const sha256OfFile = async (path: string, onBytes: (bytes: number) => void = () => {}): Promise<string> => {
  const hasher = new Bun.CryptoHasher("sha256")
  let bytes = 0
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    hasher.update(chunk as Uint8Array)
    onBytes((bytes += (chunk as Uint8Array).length))
  }
  return hasher.digest("hex")
}
