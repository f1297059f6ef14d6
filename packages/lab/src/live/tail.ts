/** Reads a file that grows, line by line. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs"

/** Most bytes of one reading, unless one line is longer: a page that opens late reads a long file in several turns. */
const most = 4 << 20

/** The whole lines of an open file from a place on, as bytes; of a line that is longer than `most` all of it. */
const linesFrom = (fd: number, offset: number, size: number): Buffer => {
  for (let room = most; ; room *= 2) {
    const bytes = Buffer.allocUnsafe(Math.min(room, size - offset))
    const read = readSync(fd, bytes, 0, bytes.length, offset)
    const end = bytes.subarray(0, read).lastIndexOf(10) + 1
    if (end > 0 || read < room) return bytes.subarray(0, end)
  }
}

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
        const bytes = linesFrom(fd, offset, size)
        offset += bytes.length
        const lines = bytes
          .toString("utf8")
          .split("\n")
          .filter((line) => line !== "")
        return { lines, again }
      } finally {
        closeSync(fd)
      }
    },
  }
}
