/** The one error of this package: a wrong file or folder, or a disk that refuses. */

/** The message names the path, the finding, the expectation and the remedy. Commands exit with code 2. */
export class FileError extends Error {
  readonly _tag = "FileError"
  override readonly name = "FileError"
  /** The path in the message. */
  readonly path: string
  /** The operating system's code, such as "ENOSPC"; undefined if the file's content is at fault. */
  readonly code: string | undefined

  constructor(path: string, problem: string, code?: string) {
    super(`${path}: ${problem}`)
    this.path = path
    this.code = code
  }
}

/** Meaning and remedy of the operating system's codes. */
const meanings: ReadonlyMap<string, string> = new Map([
  [
    "ENOSPC",
    "the disk is full; free some space (`bun run winnow clean` lists what can be removed) and run the same command",
  ],
  ["EDQUOT", "the quota of this user is used up; free some space and run the same command"],
  ["EACCES", "permission denied; give this user the right to read or write it"],
  ["EPERM", "the operation is not permitted; give this user the right to read or write it"],
  ["EROFS", "the file system is read-only; choose a folder that can be written"],
  ["ENOENT", "there is no such file or folder; check the path"],
  ["ENOTDIR", "a part of this path is not a folder; check the path"],
  ["EISDIR", "this is a folder, expected a file; check the path"],
  ["EEXIST", "it exists already; move it away"],
  ["ENOTEMPTY", "the folder is not empty; move its content away"],
  ["EFBIG", "the file would be larger than the file system or a limit of this process allows"],
  ["EMFILE", "this process has too many open files; raise `ulimit -n`"],
  ["ENFILE", "the machine has too many open files"],
  ["ENAMETOOLONG", "the path is longer than the file system allows; choose a shorter folder"],
  ["ELOOP", "its symbolic links lead in a circle; mend them"],
  ["EIO", "the device reports an input/output error; check the disk"],
  ["ENXIO", "the device or pipe has no other end"],
  ["EBUSY", "it is in use by another process"],
  ["EXDEV", "the two places are on different file systems"],
  ["ESTALE", "the network disk lost this file; run the same command again"],
  ["ETXTBSY", "the file is being executed by another process"],
  ["EPIPE", "the reader at the other end has closed"],
])

/** True if the operating system reported the error for a file operation: it has a code, a call and mostly a path. */
export const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error &&
  typeof (error as NodeJS.ErrnoException).code === "string" &&
  typeof (error as NodeJS.ErrnoException).syscall === "string"

/**
 * The operating system's error in words: path, meaning and remedy.
 *
 * @param path used if the error names none
 * @returns undefined for an error that is not the operating system's
 */
export const fileErrorOf = (error: unknown, path?: string): FileError | undefined => {
  if (error instanceof FileError) return error
  if (!isSystemError(error)) return undefined
  const code = error.code!
  const meaning = meanings.get(code) ?? `the operating system answers ${code} (${error.message})`
  return new FileError(error.path ?? path ?? error.syscall!, meaning, code)
}
