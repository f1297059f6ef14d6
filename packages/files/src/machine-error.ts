/** Errors of the machine, wherever they come up: a disk that refuses, memory that is used up. None is a fault of the code. */
import { FileError, fileErrorOf } from "./file-error.ts"

/** SQLite's codes for what the disk did, as the operating system would have named it. */
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

/** How JavaScriptCore, libtensorflow and the native library say that they were given no memory. */
const memoryWords =
  /\b(out of memory|array buffer allocation failed|invalid (typed array|array buffer) length|cannot allocate memory|failed to allocate|bad_alloc|OOM when allocating|no memory for)\b/i

/** The error for memory that the system does not give. */
export const outOfMemory = (found: string): FileError => {
  const remedy = "free some memory, raise `ulimit -v` or the container's limit, or use fewer --jobs or a smaller model"
  return new FileError("memory", `the system gives this process no more (${found.slice(0, 200)}); ${remedy}`, "ENOMEM")
}

/**
 * The machine's part in an error, in words: a file operation, a full database, memory. Looks through `cause` as well.
 *
 * @param path used where a file error names none
 * @returns undefined for an error that the machine is no cause of
 */
export const machineErrorOf = (error: unknown, path?: string): FileError | undefined => {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    const found = fileErrorOf(at, path) ?? ofSqlite(at)
    if (found !== undefined)
      return found.code === "ENOMEM" && found.path !== "memory" ? outOfMemory(found.message) : found
    if (memoryWords.test(at.message)) return outOfMemory(at.message)
  }
  return undefined
}
