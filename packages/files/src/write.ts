/** Writing a file whole or not at all. */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs"
import { open } from "node:fs/promises"
import { dirname } from "node:path"
import { fileErrorOf } from "./file-error.ts"

/** Flushes a file, or the names in a folder, to the disk. */
export const syncPath = (path: string): void => {
  const fd = openSync(path, "r")
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** `syncPath` without waiting: gigabytes take the disk seconds, in which the rest of the process goes on. */
export const syncFile = async (path: string): Promise<void> => {
  const file = await open(path, "r")
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

const writeAll = (fd: number, bytes: Uint8Array): void => {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
}

/**
 * Writes a whole file or none: beside its place, flushed to the disk, then renamed over it. Folders on its way are made.
 *
 * @param content text, bytes, or a function that writes to the open file's descriptor
 * @error FileError when the disk refuses; an earlier file of that name is then as it was
 */
export const writeWhole = (file: string, content: string | Uint8Array | ((fd: number) => void)): void => {
  const beside = `${file}.${process.pid}.tmp`
  let opened = false
  try {
    mkdirSync(dirname(file), { recursive: true })
    const fd = openSync(beside, "w")
    opened = true
    try {
      if (typeof content === "function") content(fd)
      else writeAll(fd, typeof content === "string" ? new TextEncoder().encode(content) : content)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(beside, file)
    syncPath(dirname(file))
  } catch (error) {
    if (opened) rmSync(beside, { force: true })
    throw fileErrorOf(error, file) ?? error
  }
}
