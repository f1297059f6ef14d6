/** SHA-256 of texts, bytes and files, hex. */
import { createHash } from "node:crypto"
import { closeSync, readSync } from "node:fs"
import { fileErrorOf } from "./file-error.ts"
import { openRegular } from "./read.ts"

/** SHA-256, hex. */
export const sha256 = (content: string | Uint8Array): string => createHash("sha256").update(content).digest("hex")

/** SHA-256 of texts, one behind the other, hex; a piece of work each. */
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
 * SHA-256 of a regular file piece by piece: about 2 GB a second. Between two pieces of 4 MB the caller may do something
 * else; a caller that stops early closes the file.
 *
 * @error FileError when it is no regular file or cannot be read
 */
export function* hashingFile(file: string): Generator<void, string> {
  const { fd, bytes } = openRegular(file)
  try {
    const hash = createHash("sha256")
    // Of hundreds of small files each would else clear 4 MB. One byte more than there should be shows the end.
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

/** The value of what is done in pieces, all of them at once. */
export const atOnce = <A>(pieces: Generator<void, A>): A => {
  for (;;) {
    const next = pieces.next()
    if (next.done) return next.value
  }
}

/**
 * SHA-256 of a regular file at once, for small ones: nothing else, not even Ctrl-C, is heard meanwhile.
 *
 * @error FileError when it is no regular file or cannot be read
 */
export const sha256OfFile = (file: string): string => atOnce(hashingFile(file))

/**
 * SHA-256 of a regular file of any size; the rest of the process goes on between two pieces.
 *
 * @error FileError when it is no regular file or cannot be read
 */
export const sha256OfFileInTurns = async (file: string): Promise<string> => {
  const pieces = hashingFile(file)
  for (;;) {
    const next = pieces.next()
    if (next.done) return next.value
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}
