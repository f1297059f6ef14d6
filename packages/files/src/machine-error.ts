/**
 * Errors of the machine in any part of the program: a disk that refuses, memory that runs out. The code is not at
 * fault.
 */
import { FileError, fileErrorOf } from "./file-error.ts"

/** The operating system's code for SQLite's codes of disk errors. */
const sqliteCodes: ReadonlyMap<string, string> = new Map([
  ["SQLITE_FULL", "ENOSPC"],
  ["SQLITE_READONLY", "EROFS"],
  ["SQLITE_CANTOPEN", "EACCES"],
  ["SQLITE_PERM", "EACCES"],
  ["SQLITE_IOERR", "EIO"],
  ["SQLITE_BUSY", "EBUSY"],
])

const ofSqlite = (error: Error): FileError | undefined => {
  const { code } = error as NodeJS.ErrnoException
  if (typeof code !== "string" || !code.startsWith("SQLITE_")) return undefined
  const name = code.split("_").slice(0, 2).join("_") // SQLITE_IOERR_WRITE is one of SQLITE_IOERR
  const meaning = sqliteCodes.get(name)
  if (meaning === undefined) return undefined
  return fileErrorOf(Object.assign(new Error(error.message), { code: meaning, syscall: "write" }), "a database file")
}

/** Messages of JavaScriptCore, libtensorflow and the native library for memory that was refused. */
const memoryWords =
  /\b(out of memory|array buffer allocation failed|invalid (typed array|array buffer) length|cannot allocate memory|failed to allocate|bad_alloc|OOM when allocating|no memory for)\b/i

/** The error for memory that the system refuses. */
export const outOfMemory = (message: string): FileError => {
  const remedy = "free some memory, raise `ulimit -v` or the container's limit, or use fewer --jobs or a smaller model"
  return new FileError(
    "memory",
    `the system gives this process no more (${message.slice(0, 200)}); ${remedy}`,
    "ENOMEM",
  )
}

/**
 * The machine's part in an error, in words: a file operation, a full database, memory. Follows `cause`.
 *
 * @param path used if a file error names none
 * @returns undefined for an error that the machine did not cause
 */
export const machineErrorOf = (error: unknown, path?: string): FileError | undefined => {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    const fileError = fileErrorOf(at, path) ?? ofSqlite(at)
    if (fileError !== undefined)
      return fileError.code === "ENOMEM" && fileError.path !== "memory" ? outOfMemory(fileError.message) : fileError
    if (memoryWords.test(at.message)) return outOfMemory(at.message)
  }
  return undefined
}
