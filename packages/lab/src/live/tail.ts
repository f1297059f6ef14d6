/** Reads a file that grows, line by line. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs"

/** Most bytes of one reading: a page that opens late reads a long file in several turns. */
const most = 4 << 20

/** New lines of a growing file. */
export interface Tail {
  /** The whole lines since the last call; none where the file is missing. `again`: the file was replaced, these are its first lines. */
  readonly read: () => { readonly lines: ReadonlyArray<string>; readonly again: boolean }
}

export const openTail = (file: string): Tail => {
  let offset = 0
  let inode: number | undefined
  return {
    read: () => {
      let fd: number
      try {
        fd = openSync(file, "r")
      } catch {
        return { lines: [], again: false }
      }
      try {
        const { size, ino } = fstatSync(fd)
        const again = (inode !== undefined && inode !== ino) || size < offset
        if (again) offset = 0
        inode = ino
        const bytes = Buffer.allocUnsafe(Math.min(most, size - offset))
        const read = readSync(fd, bytes, 0, bytes.length, offset)
        const end = bytes.subarray(0, read).lastIndexOf(10) + 1
        offset += end
        const lines = bytes
          .toString("utf8", 0, end)
          .split("\n")
          .filter((line) => line !== "")
        return { lines, again }
      } finally {
        closeSync(fd)
      }
    },
  }
}
