/** Results on stdout: each call writes the whole text, or throws an error with the reason. */
import { writeSync } from "node:fs"
import { FileError, fileErrorOf } from "./file-error.ts"

const stdout = 1
const pause = new Int32Array(new SharedArrayBuffer(4))

/**
 * Writes a whole text to stdout. Bun's `console.log` drops text that a full disk or a closed pipe refuses.
 *
 * @error FileError named "stdout"; its code is EPIPE if the reader has closed
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
      Atomics.wait(pause, 0, 0, 5) // a non-blocking pipe is full: its reader needs time
    }
  }
}

/** True if the error means that the reader of stdout, such as `head`, has closed it. */
export const isClosedReader = (error: unknown): boolean =>
  error instanceof FileError && error.path === "stdout" && error.code === "EPIPE"
