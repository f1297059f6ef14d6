/** Results on stdout: written whole before the call returns, or an error that says why not. */
import { writeSync } from "node:fs"
import { FileError, fileErrorOf } from "./file-error.ts"

const stdout = 1
const pause = new Int32Array(new SharedArrayBuffer(4))

/**
 * Writes a text to stdout, all of it. `console.log` of Bun drops what a full disk or a closed pipe refuses.
 *
 * @error FileError named "stdout"; its code is EPIPE where the reader has closed
 */
export const writeStdout = (text: string): void => {
  const bytes = new TextEncoder().encode(text)
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(stdout, bytes, at)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === "EINTR") continue
      if (code !== "EAGAIN") throw fileErrorOf(Object.assign(error as Error, { path: "stdout" })) ?? error
      Atomics.wait(pause, 0, 0, 5) // a pipe that does not block is full: its reader needs time
    }
  }
}

/** True if an error says that whoever read stdout, such as `head`, has closed it. */
export const isClosedReader = (error: unknown): boolean =>
  error instanceof FileError && error.path === "stdout" && error.code === "EPIPE"
