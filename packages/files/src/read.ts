/** Reads files from outside: regular files only, up to a stated size, without waiting on a pipe or device. */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs"
import { FileError, fileErrorOf } from "./file-error.ts"

const kindOf = (stats: Stats): string => {
  if (stats.isDirectory()) return "a folder"
  if (stats.isFIFO()) return "a named pipe"
  if (stats.isCharacterDevice() || stats.isBlockDevice()) return "a device"
  if (stats.isSocket()) return "a socket"
  return "no regular file"
}

/** A regular file open for reading: its descriptor, which the caller closes, and its size. */
export interface OpenFile {
  readonly fd: number
  readonly bytes: number
}

/**
 * Opens a regular file. It follows symbolic links and never blocks on a pipe. The caller closes `fd`.
 *
 * @error FileError for a file that is not regular or cannot be opened
 */
export const openRegular = (file: string): OpenFile => {
  try {
    const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const stats = fstatSync(fd)
      if (!stats.isFile()) throw new FileError(file, `this is ${kindOf(stats)}, expected a regular file`)
      return { fd, bytes: stats.size }
    } catch (error) {
      closeSync(fd)
      throw error
    }
  } catch (error) {
    throw fileErrorOf(error, file) ?? error
  }
}

/**
 * Opens a regular file and closes it after `use`.
 *
 * @error FileError for a file that is not regular or cannot be opened or read
 */
export const withRegular = <A>(file: string, use: (fd: number, bytes: number) => A): A => {
  const { fd, bytes } = openRegular(file)
  try {
    return use(fd, bytes)
  } catch (error) {
    throw fileErrorOf(error, file) ?? error
  } finally {
    closeSync(fd)
  }
}

/** Limit of a read. */
export interface SizeLimit {
  /** Largest size in bytes; a larger file is refused unread. */
  readonly most: number
  /** A noun for the message, such as "a configuration". */
  readonly what?: string
}

/**
 * The bytes of a regular file that has at most `most` bytes.
 *
 * @error FileError for a file that is not regular, is larger, shrinks during the read, or cannot be read
 */
export const readRegular = (file: string, { most, what = "a file read here" }: SizeLimit): Uint8Array<ArrayBuffer> =>
  withRegular(file, (fd, bytes) => {
    if (bytes > most)
      throw new FileError(file, `the file has ${bytes} bytes, ${what} has at most ${most}; is this the right file?`)
    const content = new Uint8Array(bytes)
    for (let at = 0; at < bytes; ) {
      const read = readSync(fd, content, at, bytes - at, at)
      if (read === 0) throw new FileError(file, `the file ends after ${at} of ${bytes} bytes; is it being written?`)
      at += read
    }
    return content
  })

/**
 * The text of a regular file, UTF-8; a leading byte-order mark is dropped.
 *
 * @error FileError as `readRegular`, and for bytes that are not UTF-8, with the first one's offset
 */
export const readRegularText = (file: string, limit: SizeLimit): string => {
  const bytes = readRegular(file, limit)
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    const at = firstInvalid(bytes)
    const problem = `byte 0x${bytes[at]!.toString(16).padStart(2, "0")} at offset ${at} is not UTF-8`
    throw new FileError(file, `${problem}; save the file as UTF-8`)
  }
}

/** Offset of the first byte that is not UTF-8, by bisection over prefixes that a streaming decoder accepts. */
const firstInvalid = (bytes: Uint8Array): number => {
  const isValid = (end: number): boolean => {
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, end), { stream: true })
      return true
    } catch {
      return false
    }
  }
  let [good, bad] = [0, bytes.length]
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    if (isValid(middle)) good = middle
    else bad = middle
  }
  return good
}
