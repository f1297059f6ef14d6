/** The few functions of the C library that the binding needs. */
import { dlopen, FFIType } from "bun:ffi"
import type { Address } from "@winnow/engine"

const path = process.platform === "darwin" ? "libSystem.B.dylib" : "libc.so.6"

const { symbols } = dlopen(path, {
  memcpy: { args: ["ptr", "ptr", FFIType.u64_fast], returns: "void" },
  getpid: { args: [], returns: "i32" },
  memset: { args: ["ptr", "i32", FFIType.u64_fast], returns: "void" },
  mmap: { args: ["ptr", FFIType.u64_fast, "i32", "i32", "i32", FFIType.i64_fast], returns: FFIType.i64_fast },
  munmap: { args: ["ptr", FFIType.u64_fast], returns: "i32" },
  setenv: { args: ["ptr", "ptr", "i32"], returns: "i32" },
  open: { args: ["ptr", "i32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  dup: { args: ["i32"], returns: "i32" },
  dup2: { args: ["i32", "i32"], returns: "i32" },
  getenv: { args: ["ptr"], returns: "cstring" },
} as const)

/**
 * Copies bytes between C memory and typed arrays. A typed array is safe here: its address is taken within the call,
 * when it cannot move.
 */
export const copyBytes = symbols.memcpy as unknown as (
  to: Address | NodeJS.TypedArray,
  from: Address | NodeJS.TypedArray,
  bytes: number,
) => void

/** The address of a C function that changes nothing, whatever its arguments are: it asks for the number of the process. */
export const changesNothing = (symbols.getpid as unknown as { readonly ptr: number }).ptr as Address

/** Sets so many bytes of C memory to 0. */
export const clearBytes = (at: Address, bytes: number): void => void symbols.memset(at as never, 0, bytes)

/**
 * Maps an open file for reading and writing, shared with all processes that map it (Linux).
 *
 * @returns the address of the first of so many bytes; undefined if the system refuses
 */
export const mapShared = (descriptor: number, bytes: number): Address | undefined => {
  const [readAndWrite, shared] = [3, 1]
  const place = Number(symbols.mmap(null, bytes, readAndWrite, shared, descriptor, 0))
  return place === -1 ? undefined : (place as Address)
}

/** Ends a mapping. */
export const unmap = (at: Address, bytes: number): void => void symbols.munmap(at as never, bytes)

/**
 * Has the C library keep memory that is freed, for its next use, and give all threads the same (glibc; elsewhere
 * nothing changes). Without it, each block above 32 MiB is new memory from the system, whose pages are cleared and
 * mapped one by one at their first use.
 */
export const keepFreedMemory = (): void => {
  if (process.platform !== "linux") return
  const { symbols: glibc } = dlopen(path, { mallopt: { args: ["i32", "i32"], returns: "i32" } } as const)
  const [trimThreshold, mmapThreshold, arenas] = [-1, -3, -8]
  const most = 2 ** 31 - 1
  glibc.mallopt(trimThreshold, most)
  // A glibc of before 2.35 refuses a threshold above half of its largest heap, 32 MiB.
  if (glibc.mallopt(mmapThreshold, most) === 0) glibc.mallopt(mmapThreshold, 32 * 2 ** 20)
  glibc.mallopt(arenas, 1)
}

const text = new TextEncoder()

/**
 * Sets a variable of the process's own environment. Assigning to `process.env` is not enough: Bun stores that in
 * JavaScript, and `getenv` in a library does not see it.
 *
 * @param overwrite false keeps a variable that is already set
 */
export const setEnvironment = (name: string, value: string, overwrite: boolean): void => {
  symbols.setenv(text.encode(`${name}\0`), text.encode(`${value}\0`), overwrite ? 1 : 0)
}

/** A variable of the process's own environment, as C libraries see it; undefined if it is not set. */
export const getEnvironment = (name: string): string | undefined => {
  const value = symbols.getenv(text.encode(`${name}\0`)) as unknown
  return value === null || value === undefined ? undefined : String(value)
}

/**
 * Runs `f` while the process's stderr leads nowhere: for a library's output before its log level can be set. An error
 * of `f` is thrown.
 */
export const withoutStderr = <T>(f: () => T): T => {
  const stderr = 2
  const writeOnly = 1
  const nowhere = symbols.open(text.encode("/dev/null\0"), writeOnly)
  const kept = symbols.dup(stderr)
  if (nowhere >= 0 && kept >= 0) symbols.dup2(nowhere, stderr)
  try {
    return f()
  } finally {
    if (kept >= 0) symbols.dup2(kept, stderr)
    for (const descriptor of [kept, nowhere]) if (descriptor >= 0) symbols.close(descriptor)
  }
}
