/** SHA-256 of texts, bytes and files, hex. */
import { createHash } from "node:crypto"
import { closeSync, readSync } from "node:fs"
import { fileErrorOf } from "./file-error.ts"
import { openRegular } from "./read.ts"

/** SHA-256, hex. */
export const sha256 = (content: string | Uint8Array): string => createHash("sha256").update(content).digest("hex")

/** SHA-256 of concatenated texts, hex; one text a piece. */
export function* hashingTexts(texts: Iterable<string>): Generator<void, string> {
  const hash = createHash("sha256")
  for (const text of texts) {
    hash.update(text)
    yield
  }
  return hash.digest("hex")
}

const mostBytes = 4 << 20

/**
 * SHA-256 of a regular file in pieces of 4 MB, about 2 GB a second. The caller may do other work between two pieces; a
 * caller that stops early closes the file.
 *
 * @error FileError for a file that is not regular or cannot be read
 */
export function* hashingFile(file: string): Generator<void, string> {
  const { fd, bytes } = openRegular(file)
  try {
    const hash = createHash("sha256")
    // Small files need a small buffer: clearing 4 MB for each of hundreds takes time. The extra byte detects the end.
    const chunk = new Uint8Array(Math.min(mostBytes, bytes + 1))
    for (;;) {
      const read = readSync(fd, chunk, 0, chunk.length, null)
      if (read === 0) return hash.digest("hex")
      hash.update(read === chunk.length ? chunk : chunk.subarray(0, read))
      yield
    }
  } catch (error) {
    throw fileErrorOf(error, file) ?? error
  } finally {
    closeSync(fd)
  }
}

/** Runs a generator of pieces to its end and returns its value. */
export const atOnce = <A>(pieces: Generator<void, A>): A => {
  for (;;) {
    const next = pieces.next()
    if (next.done) return next.value
  }
}

/**
 * SHA-256 of a small regular file at once; the process hears nothing meanwhile, not even Ctrl-C.
 *
 * @error FileError for a file that is not regular or cannot be read
 */
export const sha256OfFile = (file: string): string => atOnce(hashingFile(file))

/**
 * SHA-256 of a regular file of any size; other work of the process runs between two pieces.
 *
 * @error FileError for a file that is not regular or cannot be read
 */
export const sha256OfFileInTurns = async (file: string): Promise<string> => {
  const pieces = hashingFile(file)
  for (;;) {
    const next = pieces.next()
    if (next.done) return next.value
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}
